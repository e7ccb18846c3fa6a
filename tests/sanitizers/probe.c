/* Does what a sanitizer must report; compiled and run by scripts/sanitize. */
#include <gio-ossl/gio-ossl.h>

#include <limits.h>
#include <stdlib.h>

static GioOsslDtlsClientConnection *
client_new (void)
{
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                             G_SOCKET_PROTOCOL_UDP, NULL);
  return gio_ossl_dtls_client_connection_new (G_DATAGRAM_BASED (socket), NULL, NULL);
}

static gpointer
leak_memory (gpointer nothing)
{
  return malloc (50) != NULL ? nothing : NULL;
}

static gpointer
leak_an_object (gpointer nothing)
{
  return client_new () != NULL ? nothing : NULL;
}

/* In a thread, which leaves no pointer behind in its stack. */
static void
leak (GThreadFunc function)
{
  g_thread_join (g_thread_new (NULL, function, NULL));
}

static void
read_too_far (void)
{
  volatile gsize length = 10;
  volatile char *bytes = g_malloc0 (length);

  g_print ("%d\n", bytes[length]);
}

/* It reads a version number after these bytes, and believes that there is one. */
static void
let_the_library_read_too_far (void)
{
  const char *magic = "GioOsslS";
  gsize length = strlen (magic);
  g_autoptr (GBytes) session = g_bytes_new_static (g_memdup2 (magic, length), length + 1);
  g_autoptr (GioOsslDtlsClientConnection) client = client_new ();

  gio_ossl_dtls_client_connection_import_session (client, session, NULL);
}

static void
add_too_much (void)
{
  volatile int most = INT_MAX;

  g_print ("%d\n", most + 1);
}

int
main (int argc, char **argv)
{
  const char *what = argc == 2 ? argv[1] : "";

  if (g_str_equal (what, "memory"))
    leak (leak_memory);
  else if (g_str_equal (what, "object"))
    leak (leak_an_object);
  else if (g_str_equal (what, "far"))
    read_too_far ();
  else if (g_str_equal (what, "library"))
    let_the_library_read_too_far ();
  else
    add_too_much ();
  return 0;
}
