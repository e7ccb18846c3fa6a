/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Uses the library and a module together, in either order.
 *
 * usage: copies library-first|module-first MODULE same|other
 *
 * MODULE is libgioossl.so, the "same" file as the linked library, or a copy of it, an "other" file.
 * However they meet, each type is registered once, and whoever comes second works with the types of
 * the first. */

#include <gio-ossl/gio-ossl.h>

static guint warnings = 0;

static void
count_warning (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data)
{
  (void) data;
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    g_printerr ("%s: %s\n", domain, message);
  if (level & G_LOG_LEVEL_WARNING)
    warnings++;
}

static void
load_module (const char *path)
{
  GIOModule *module = g_io_module_new (path);

  /* Twice, as GIO may. */
  g_assert_true (g_type_module_use (G_TYPE_MODULE (module)));
  g_type_module_unuse (G_TYPE_MODULE (module));
  g_assert_true (g_type_module_use (G_TYPE_MODULE (module)));
}

static void
use_library (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GioOsslDtlsClientConnection) connection = NULL;
  g_autoptr (GDatagramBased) base = NULL;

  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  connection = gio_ossl_dtls_client_connection_new (G_DATAGRAM_BASED (socket), NULL, &error);
  g_assert_no_error (error);
  g_assert_true (G_IS_DTLS_CLIENT_CONNECTION (connection));
  g_assert_true (GIO_OSSL_IS_DTLS_CONNECTION (connection));
  g_assert_cmpstr (G_OBJECT_TYPE_NAME (connection), ==, "GioOsslDtlsClientConnection");
  g_object_get (connection, "base-socket", &base, NULL);
  g_assert_true (base == G_DATAGRAM_BASED (socket));

  g_assert_true (G_IS_TLS_BACKEND (gio_ossl_get_backend ()));
  g_assert_true (gio_ossl_get_backend () == gio_ossl_get_backend ());
  g_assert_true (g_type_is_a (GIO_OSSL_TYPE_CERTIFICATE, G_TYPE_TLS_CERTIFICATE));
  g_assert_true (g_type_is_a (GIO_OSSL_TYPE_FILE_DATABASE, G_TYPE_TLS_FILE_DATABASE));
}

static void
expect_refusal (const char *function, const char *argument)
{
  g_autofree char *pattern = NULL;

  pattern = g_strdup_printf ("gio_ossl_%s: assertion 'GIO_OSSL_IS_%s (self)' failed", function, argument);
  g_test_expect_message ("GioOssl", G_LOG_LEVEL_CRITICAL, pattern);
}

/* Another copy's connections have no methods here: a critical, and nothing else, says so. */
static void
refuse_foreign_connections (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GioOsslDtlsClientConnection) client = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("0123456789abcdef", 16);

  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  client = gio_ossl_dtls_client_connection_new (G_DATAGRAM_BASED (socket), NULL, &error);
  g_assert_no_error (error);

  expect_refusal ("dtls_connection_to_string", "DTLS_CONNECTION");
  g_assert_null (gio_ossl_dtls_connection_to_string (GIO_OSSL_DTLS_CONNECTION (client)));
  expect_refusal ("dtls_client_connection_set_psk", "DTLS_CLIENT_CONNECTION");
  g_assert_false (gio_ossl_dtls_client_connection_set_psk (client, "identity", bytes, &error));
  g_assert_no_error (error);
  expect_refusal ("dtls_client_connection_export_session", "DTLS_CLIENT_CONNECTION");
  g_assert_null (gio_ossl_dtls_client_connection_export_session (client, &error));
  g_assert_no_error (error);
  expect_refusal ("dtls_client_connection_import_session", "DTLS_CLIENT_CONNECTION");
  g_assert_false (gio_ossl_dtls_client_connection_import_session (client, bytes, &error));
  g_assert_no_error (error);
  expect_refusal ("dtls_client_connection_copy_session", "DTLS_CLIENT_CONNECTION");
  g_assert_false (gio_ossl_dtls_client_connection_copy_session (client, client, &error));
  g_assert_no_error (error);
  g_test_assert_expected_messages ();
}

int
main (int argc, char **argv)
{
  GIOExtensionPoint *point;
  gboolean module_first, same;

  g_assert_cmpint (argc, ==, 4);
  module_first = g_str_equal (argv[1], "module-first");
  same = g_str_equal (argv[3], "same");
  g_log_set_default_handler (count_warning, NULL);

  /* The extension points are registered by the first use of one. */
  g_tls_backend_get_default ();
  point = g_io_extension_point_lookup (G_TLS_BACKEND_EXTENSION_POINT_NAME);
  g_assert_nonnull (point);

  if (module_first)
    {
      load_module (argv[2]);
      use_library ();
      if (!same)
        refuse_foreign_connections ();
    }
  else
    {
      use_library ();
      load_module (argv[2]);
    }

  g_assert_cmpuint (warnings, ==, same ? 0 : 1);
  if (same || module_first)
    g_assert_nonnull (g_io_extension_point_get_extension_by_name (point, "ossl"));
  else
    g_assert_null (g_io_extension_point_get_extension_by_name (point, "ossl"));
  return 0;
}
