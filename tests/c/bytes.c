/* Messages as GBytes: asynchronously and in batches. */
#include "common.h"

#include <gio-ossl/gio-ossl.h>
#include <string.h>

static GBytes *
message_of (const char *text)
{
  return g_bytes_new_static (text, strlen (text));
}

static gssize
finish_send (GioOsslDtlsConnection *end, GAsyncResult **pending, GError **error)
{
  g_autoptr (GAsyncResult) result = wait_for_result (pending);

  *pending = NULL;
  return gio_ossl_dtls_connection_send_bytes_finish (end, result, error);
}

static GBytes *
finish_receive (GioOsslDtlsConnection *end, GAsyncResult **pending, GError **error)
{
  g_autoptr (GAsyncResult) result = wait_for_result (pending);

  *pending = NULL;
  return gio_ossl_dtls_connection_receive_bytes_finish (end, result, error);
}

static void
messages_cross_on_the_main_loop (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) near = NULL;
  g_autoptr (GDatagramBased) far = NULL;
  g_autoptr (GAsyncResult) sent = NULL;
  g_autoptr (GAsyncResult) received = NULL;
  g_autoptr (GBytes) message = message_of ("question");

  ends_new (((const Case *) data)->make, &near, &far);
  GioOsslDtlsConnection *client = GIO_OSSL_DTLS_CONNECTION (near);
  GioOsslDtlsConnection *server = GIO_OSSL_DTLS_CONNECTION (far);
  /* They perform the handshake as well. */
  gio_ossl_dtls_connection_receive_bytes_async (server, 100, G_PRIORITY_DEFAULT, NULL, store_result,
                                                &received);
  gio_ossl_dtls_connection_send_bytes_async (client, message, G_PRIORITY_DEFAULT, NULL,
                                             store_result, &sent);
  g_assert_cmpint (finish_send (client, &sent, &error), ==, 8);
  g_assert_no_error (error);
  g_autoptr (GBytes) question = finish_receive (server, &received, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (question, message));

  gio_ossl_dtls_connection_receive_bytes_async (client, 100, G_PRIORITY_DEFAULT, NULL, store_result,
                                                &received);
  g_assert_true (g_dtls_connection_close (G_DTLS_CONNECTION (server), NULL, &error));
  g_assert_no_error (error);
  g_assert_null (finish_receive (client, &received, &error));
  g_assert_no_error (error);
}

static void
waiting_calls_are_cancelled_closed_and_given_up (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) near = NULL;
  g_autoptr (GDatagramBased) far = NULL;
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GBytes) message = message_of ("x");

  ends_new (((const Case *) data)->make, &near, &far);
  GioOsslDtlsConnection *client = GIO_OSSL_DTLS_CONNECTION (near);
  GioOsslDtlsConnection *server = GIO_OSSL_DTLS_CONNECTION (far);
  gio_ossl_dtls_connection_receive_bytes_async (client, 100, G_PRIORITY_DEFAULT, cancellable,
                                                store_result, &first);
  gio_ossl_dtls_connection_receive_bytes_async (client, 100, G_PRIORITY_DEFAULT, NULL, store_result,
                                                &second);
  g_cancellable_cancel (cancellable);
  /* A result of another kind is no result. */
  g_autoptr (GAsyncResult) kept = g_object_ref (wait_for_result (&first));
  g_assert_cmpint (gio_ossl_dtls_connection_send_bytes_finish (client, kept, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (finish_receive (client, &first, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_true (g_dtls_connection_close (G_DTLS_CONNECTION (client), NULL, &error));
  g_assert_null (finish_receive (client, &second, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  gio_ossl_dtls_connection_send_bytes_async (client, message, G_PRIORITY_DEFAULT, NULL,
                                             store_result, &first);
  g_assert_cmpint (finish_send (client, &first, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);

  /* Nobody wants to know. */
  gio_ossl_dtls_connection_receive_bytes_async (server, 100, G_PRIORITY_DEFAULT, cancellable, NULL,
                                                NULL);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
batches_cross (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) near = NULL;
  g_autoptr (GDatagramBased) far = NULL;
  g_autoptr (GAsyncResult) received = NULL;
  g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  ends_new (((const Case *) data)->make, &near, &far);
  GioOsslDtlsConnection *client = GIO_OSSL_DTLS_CONNECTION (near);
  GioOsslDtlsConnection *connection = GIO_OSSL_DTLS_CONNECTION (far);
  for (int i = 0; i < 70; i++)
    g_ptr_array_add (messages, message_of ("message"));
  gio_ossl_dtls_connection_receive_bytes_async (connection, 100, G_PRIORITY_DEFAULT, NULL,
                                                store_result, &received);
  gio_ossl_dtls_connection_send_bytes_async (client, messages->pdata[0], G_PRIORITY_DEFAULT, NULL,
                                             NULL, NULL);
  g_autoptr (GBytes) first = finish_receive (connection, &received, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (first, messages->pdata[0]));

  g_assert_cmpint (gio_ossl_dtls_connection_send_many (client, messages, PATIENCE, NULL, &error), ==,
                   70);
  g_assert_no_error (error);
  for (guint count = 0; count < 70;) {
    g_autoptr (GPtrArray) batch
        = gio_ossl_dtls_connection_receive_many (connection, 64, 100, PATIENCE, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (batch->len, >, 0);
    for (guint i = 0; i < batch->len; i++)
      g_assert_true (g_bytes_equal (batch->pdata[i], first));
    count += batch->len;
  }
  g_assert_null (gio_ossl_dtls_connection_receive_many (connection, 0, 100, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (gio_ossl_dtls_connection_receive_many (connection, 1, 100, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_clear_error (&error);
  g_assert_true (g_dtls_connection_close (G_DTLS_CONNECTION (client), NULL, &error));
  g_autoptr (GPtrArray) none
      = gio_ossl_dtls_connection_receive_many (connection, 9, 100, PATIENCE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (none->len, ==, 0);
}

void
add_bytes_tests (void)
{
  add_for_both ("bytes", "messages-cross-on-the-main-loop", messages_cross_on_the_main_loop);
  add_for_both ("bytes", "waiting-calls-are-cancelled-closed-and-given-up",
                waiting_calls_are_cancelled_closed_and_given_up);
  add_for_both ("bytes", "batches-cross", batches_cross);
}
