/* GTlsInteraction: who is asked for a client's certificate, how, and what becomes of the answer. */
#include "common.h"
#include "handler.h"

#include <string.h>

/* A client with a handler and a server that asks it for a certificate. */
typedef struct {
  GDtlsConnection *client;
  GDtlsConnection *server;
  Handler *handler;
  GThread *server_thread;
} Meeting;

static gboolean
accept (G_GNUC_UNUSED GDtlsConnection *server, G_GNUC_UNUSED GTlsCertificate *certificate,
        GTlsCertificateFlags errors)
{
  return errors == G_TLS_CERTIFICATE_NO_FLAGS;
}

/* Returns the error. */
static gpointer
serve (gpointer server)
{
  GError *error = NULL;
  g_assert_true (g_dtls_connection_handshake (server, NULL, &error) == (error == NULL));
  return error;
}

static void
meeting_init (Meeting *meeting, gconstpointer data, GType handler, GTlsAuthenticationMode mode)
{
  GDatagramBased *client = NULL, *server = NULL;

  ends_new (((const Case *) data)->make, &client, &server);
  meeting->client = G_DTLS_CONNECTION (client);
  meeting->server = G_DTLS_CONNECTION (server);
  meeting->handler = g_object_new (handler, NULL);
  g_dtls_connection_set_interaction (meeting->client, (GTlsInteraction *) meeting->handler);
  g_object_set (server, "authentication-mode", mode, NULL);
  g_signal_connect (server, "accept-certificate", G_CALLBACK (accept), NULL);
  meeting->server_thread = g_thread_new ("server", serve, server);
}

static void
meeting_clear (Meeting *meeting)
{
  if (meeting->server_thread != NULL)
    g_thread_join (meeting->server_thread);
  /* Nothing of a handshake that is over keeps any of them. */
  g_dtls_connection_set_interaction (meeting->client, NULL);
  g_assert_finalize_object (meeting->handler);
  g_assert_finalize_object (meeting->client);
  g_assert_finalize_object (meeting->server);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Meeting, meeting_clear)

static GError *
server_error (Meeting *meeting)
{
  return g_thread_join (g_steal_pointer (&meeting->server_thread));
}

/* The client's handshake, on the default main context if it is asynchronous. */
static GError *
shake (Meeting *meeting, Form form, GCancellable *cancellable)
{
  GError *error = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  gboolean success;

  if (form == BLOCKING) {
    success = g_dtls_connection_handshake (meeting->client, cancellable, &error);
  } else {
    g_dtls_connection_handshake_async (meeting->client, 0, cancellable, store_result, &result);
    success = g_dtls_connection_handshake_finish (meeting->client, wait_for_result (&result),
                                                  &error);
  }
  g_assert_true (success == (error == NULL));
  return error;
}

static void
assert_presented (Meeting *meeting)
{
  g_autoptr (GError) theirs = server_error (meeting);
  g_autoptr (GTlsCertificate) expected = pki_credential ("client");
  GTlsCertificate *seen = g_dtls_connection_get_peer_certificate (meeting->server);

  g_assert_no_error (theirs);
  g_assert_true (g_tls_certificate_is_same (seen, expected));
  g_assert_true (
      g_tls_certificate_is_same (g_dtls_connection_get_certificate (meeting->client), expected));
}

/* The handshake fails with this error for the client, and as CERTIFICATE_REQUIRED for the server. */
static void
assert_missed (Meeting *meeting, Form form, GQuark domain, gint code)
{
  g_autoptr (GError) ours = shake (meeting, form, NULL);
  g_autoptr (GError) theirs = server_error (meeting);

  g_assert_error (ours, domain, code);
  g_assert_error (theirs, G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED);
}

static GType
handler_type (Form form)
{
  return form == BLOCKING ? blocking_handler_get_type () : asynchronous_handler_get_type ();
}

static void
handled_with_a_certificate_presents_it (gconstpointer data)
{
  for (Form handshake = BLOCKING; handshake <= ASYNCHRONOUS; handshake++)
    for (Form handler = BLOCKING; handler <= ASYNCHRONOUS; handler++) {
      g_auto (Meeting) meeting = { 0 };
      meeting_init (&meeting, data, handler_type (handler), G_TLS_AUTHENTICATION_REQUIRED);
      meeting.handler->certificate = pki_credential ("client");
      g_assert_null (shake (&meeting, handshake, NULL));
      assert_presented (&meeting);
      g_assert_cmpuint (meeting.handler->calls[handler], ==, 1);
      g_assert_true (meeting.handler->thread == g_thread_self ());
    }
}

static void
answer_without_its_data_or_given_twice_counts_once (gconstpointer data)
{
  for (guint fault = 1; fault <= 3; fault++) {
    g_auto (Meeting) meeting = { 0 };
    meeting_init (&meeting, data, asynchronous_handler_get_type (), G_TLS_AUTHENTICATION_REQUIRED);
    meeting.handler->certificate = pki_credential ("client");
    meeting.handler->dataless = (fault & 1) != 0;
    meeting.handler->repeats = (fault & 2) != 0;
    g_assert_null (shake (&meeting, ASYNCHRONOUS, NULL));
    assert_presented (&meeting);
    g_assert_cmpuint (meeting.handler->calls[ASYNCHRONOUS], ==, 1);
  }
}

static void
each_handshake_asks_in_its_own_form (gconstpointer data)
{
  for (Form handshake = BLOCKING; handshake <= ASYNCHRONOUS; handshake++) {
    g_auto (Meeting) meeting = { 0 };
    meeting_init (&meeting, data, complete_handler_get_type (), G_TLS_AUTHENTICATION_REQUIRED);
    meeting.handler->certificate = pki_credential ("client");
    g_assert_null (shake (&meeting, handshake, NULL));
    assert_presented (&meeting);
    g_assert_cmpuint (meeting.handler->calls[BLOCKING], ==, handshake == BLOCKING);
    g_assert_cmpuint (meeting.handler->calls[ASYNCHRONOUS], ==, handshake == ASYNCHRONOUS);
  }
}

static void
nothing_presented_fails_where_it_is_required (gconstpointer data)
{
  GType handlers[] = { handler_get_type (), blocking_handler_get_type (),
                       asynchronous_handler_get_type () };

  for (Form handshake = BLOCKING; handshake <= ASYNCHRONOUS; handshake++)
    for (gsize i = 0; i < G_N_ELEMENTS (handlers); i++) {
      g_auto (Meeting) meeting = { 0 };
      meeting_init (&meeting, data, handlers[i], G_TLS_AUTHENTICATION_REQUIRED);
      meeting.handler->result = i == 1 ? G_TLS_INTERACTION_UNHANDLED : G_TLS_INTERACTION_HANDLED;
      assert_missed (&meeting, handshake, G_TLS_ERROR, G_TLS_ERROR_CERTIFICATE_REQUIRED);
    }
}

static void
nothing_presented_succeeds_where_it_is_requested (gconstpointer data)
{
  GTlsInteractionResult results[]
      = { G_TLS_INTERACTION_UNHANDLED, G_TLS_INTERACTION_HANDLED, G_TLS_INTERACTION_FAILED };

  for (Form handshake = BLOCKING; handshake <= ASYNCHRONOUS; handshake++)
    for (Form handler = BLOCKING; handler <= ASYNCHRONOUS; handler++)
      for (gsize i = 0; i < G_N_ELEMENTS (results); i++) {
        g_auto (Meeting) meeting = { 0 };
        meeting_init (&meeting, data, handler_type (handler), G_TLS_AUTHENTICATION_REQUESTED);
        meeting.handler->result = results[i];
        if (results[i] == G_TLS_INTERACTION_FAILED)
          meeting.handler->error = g_error_new (G_FILE_ERROR, G_FILE_ERROR_ACCES, "no token");
        g_assert_null (shake (&meeting, handshake, NULL));
        g_assert_null (server_error (&meeting));
        g_assert_null (g_dtls_connection_get_peer_certificate (meeting.server));
      }
}

static void
failure_is_the_handlers_own (gconstpointer data)
{
  for (Form handshake = BLOCKING; handshake <= ASYNCHRONOUS; handshake++)
    for (Form handler = BLOCKING; handler <= ASYNCHRONOUS; handler++) {
      g_auto (Meeting) meeting = { 0 };
      meeting_init (&meeting, data, handler_type (handler), G_TLS_AUTHENTICATION_REQUIRED);
      meeting.handler->error = g_error_new (G_FILE_ERROR, G_FILE_ERROR_ACCES, "no token");
      assert_missed (&meeting, handshake, G_FILE_ERROR, G_FILE_ERROR_ACCES);
    }
}

static void
user_cancels (gconstpointer data)
{
  for (Form form = BLOCKING; form <= ASYNCHRONOUS; form++) {
    g_auto (Meeting) meeting = { 0 };
    meeting_init (&meeting, data, handler_type (form), G_TLS_AUTHENTICATION_REQUIRED);
    meeting.handler->error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "not now");
    assert_missed (&meeting, form, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  }
}

static void
cancel_it (G_GNUC_UNUSED GTlsConnection *connection, gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

static gboolean
cancel_soon (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

static void
handshake_that_is_cancelled_while_asking_is_resumed (gconstpointer data)
{
  for (Form handshake = BLOCKING; handshake <= ASYNCHRONOUS; handshake++)
    for (Form handler = BLOCKING; handler <= ASYNCHRONOUS; handler++) {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_auto (Meeting) meeting = { 0 };
      meeting_init (&meeting, data, handler_type (handler), G_TLS_AUTHENTICATION_REQUIRED);
      meeting.handler->error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
      if (handler == BLOCKING) {
        meeting.handler->look = cancel_it;
        meeting.handler->look_data = cancellable;
      } else {
        meeting.handler->forgetful = TRUE;
        g_timeout_add (100, cancel_soon, cancellable);
      }
      g_autoptr (GError) error = shake (&meeting, handshake, cancellable);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

      /* The next call asks again. */
      meeting.handler->forgetful = FALSE;
      meeting.handler->look = NULL;
      g_clear_error (&meeting.handler->error);
      meeting.handler->certificate = pki_credential ("client");
      g_assert_null (shake (&meeting, handshake, NULL));
      assert_presented (&meeting);
    }
}

/* Reads all of a connection's properties. */
static gpointer
read_properties (gpointer connection)
{
  guint count = 0;
  g_autofree GParamSpec **specs
      = g_object_class_list_properties (G_OBJECT_GET_CLASS (connection), &count);

  for (guint i = 0; i < count; i++) {
    g_auto (GValue) value = G_VALUE_INIT;
    g_object_get_property (connection, specs[i]->name, &value);
    if (g_str_equal (specs[i]->name, "accepted-cas"))
      g_list_free_full (g_value_get_pointer (&value), (GDestroyNotify) g_byte_array_unref);
  }
  return NULL;
}

/* What a handler may do with what it is given, whichever of its types it was written for. */
static void
look_around (GTlsConnection *connection, gpointer data)
{
  GDtlsConnection *client = ((Meeting *) data)->client;
  GDtlsConnection *dtls = G_DTLS_CONNECTION (connection);
  GDtlsClientConnection *dtls_client = G_DTLS_CLIENT_CONNECTION (connection);
  GTlsClientConnection *tls_client = G_TLS_CLIENT_CONNECTION (connection);
  GSocketConnectable *identity
      = g_dtls_client_connection_get_server_identity (G_DTLS_CLIENT_CONNECTION (client));
  GList *lists[] = { g_dtls_client_connection_get_accepted_cas (dtls_client),
                     g_tls_client_connection_get_accepted_cas (tls_client) };

  g_assert_true (G_IS_IO_STREAM (G_IO_STREAM (connection)));
  g_assert_true (G_IS_DATAGRAM_BASED (G_DATAGRAM_BASED (connection)));
  g_assert_true ((gpointer) client != (gpointer) connection);
  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++) {
    const char *authority = "gio-ossl test authority";
    g_assert_cmpuint (g_list_length (lists[i]), ==, 1);
    const GByteArray *name = lists[i]->data;
    g_assert_nonnull (memmem (name->data, name->len, authority, strlen (authority)));
    g_list_free_full (lists[i], (GDestroyNotify) g_byte_array_unref);
  }
  g_assert_null (g_tls_connection_get_certificate (connection));
  g_assert_null (g_dtls_connection_get_certificate (dtls));
  g_assert_nonnull (g_tls_connection_get_peer_certificate (connection));
  g_assert_true (g_tls_connection_get_peer_certificate (connection)
                 == g_dtls_connection_get_peer_certificate (client));
  g_assert_true (g_dtls_connection_get_peer_certificate (dtls)
                 == g_dtls_connection_get_peer_certificate (client));
  g_assert_cmpuint (g_tls_connection_get_peer_certificate_errors (connection), ==, 0);
  g_assert_true (g_tls_connection_get_database (connection)
                 == g_dtls_connection_get_database (client));
  g_assert_true (g_dtls_connection_get_database (dtls) == g_dtls_connection_get_database (client));
  g_assert_true (g_tls_connection_get_interaction (connection)
                 == g_dtls_connection_get_interaction (client));
  g_assert_true (g_tls_client_connection_get_server_identity (tls_client) == identity);
  g_assert_true (g_dtls_client_connection_get_server_identity (dtls_client) == identity);
  /* Nothing is locked while the handler thinks. */
  g_thread_join (g_thread_new ("reader", read_properties, client));
}

static void
handler_is_shown_the_connection_as_every_type (gconstpointer data)
{
  for (Form handshake = BLOCKING; handshake <= ASYNCHRONOUS; handshake++)
    for (Form handler = BLOCKING; handler <= ASYNCHRONOUS; handler++) {
      g_auto (Meeting) meeting = { 0 };
      meeting_init (&meeting, data, handler_type (handler), G_TLS_AUTHENTICATION_REQUIRED);
      meeting.handler->look = look_around;
      meeting.handler->look_data = &meeting;
      meeting.handler->certificate = pki_credential ("client");
      g_assert_null (shake (&meeting, handshake, NULL));
      assert_presented (&meeting);
    }
}

static gboolean
shake_in_the_loop (gpointer meeting)
{
  g_assert_null (shake (meeting, BLOCKING, NULL));
  ((Meeting *) meeting)->handler->look_data = NULL;
  return G_SOURCE_REMOVE;
}

static void
blocked_handshake_in_the_handlers_own_loop_goes_on (gconstpointer data)
{
  for (Form handler = BLOCKING; handler <= ASYNCHRONOUS; handler++) {
    g_auto (Meeting) meeting = { 0 };
    meeting_init (&meeting, data, handler_type (handler), G_TLS_AUTHENTICATION_REQUIRED);
    meeting.handler->certificate = pki_credential ("client");
    meeting.handler->look_data = &meeting; /* until it is done */
    g_idle_add (shake_in_the_loop, &meeting);
    while (meeting.handler->look_data != NULL)
      g_main_context_iteration (NULL, TRUE);
    assert_presented (&meeting);
    g_assert_true (meeting.handler->thread == g_thread_self ());
  }
}

static gpointer
shake_in_thread (gpointer meeting)
{
  return shake (meeting, BLOCKING, NULL);
}

static void
handler_runs_in_the_loop_of_its_context (gconstpointer data)
{
  for (Form handler = BLOCKING; handler <= ASYNCHRONOUS; handler++) {
    g_auto (Meeting) meeting = { 0 };
    meeting_init (&meeting, data, handler_type (handler), G_TLS_AUTHENTICATION_REQUIRED);
    meeting.handler->certificate = pki_credential ("client");
    g_assert_true (g_main_context_acquire (NULL));
    GThread *client = g_thread_new ("client", shake_in_thread, &meeting);
    while (meeting.handler->calls[handler] == 0)
      g_main_context_iteration (NULL, TRUE);
    g_assert_true (meeting.handler->thread == g_thread_self ());
    if (handler == ASYNCHRONOUS)
      while (g_main_context_iteration (NULL, FALSE))
        ;
    g_assert_null (g_thread_join (client));
    g_main_context_release (NULL);
    assert_presented (&meeting);
  }
}

/* An asynchronous handshake on a context of the thread's own. */
static gpointer
shake_in_own_loop (gpointer meeting)
{
  GDtlsConnection *client = ((Meeting *) meeting)->client;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GAsyncResult) result = NULL;
  GError *error = NULL;

  g_main_context_push_thread_default (context);
  g_dtls_connection_handshake_async (client, 0, NULL, store_result, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_dtls_connection_handshake_finish (client, result, &error);
  g_main_context_pop_thread_default (context);
  return error;
}

static void
handler_of_another_context_is_asked_where_its_form_wants (gconstpointer data)
{
  for (Form handler = BLOCKING; handler <= ASYNCHRONOUS; handler++) {
    g_auto (Meeting) meeting = { 0 };
    meeting_init (&meeting, data, handler_type (handler), G_TLS_AUTHENTICATION_REQUIRED);
    meeting.handler->certificate = pki_credential ("client");
    g_assert_true (g_main_context_acquire (NULL));
    GThread *client = g_thread_new ("client", shake_in_own_loop, &meeting);
    g_autoptr (GThread) kept = g_thread_ref (client);
    /* The blocking form in the context of the handler, the other one in that of the call. */
    while (handler == BLOCKING && meeting.handler->calls[handler] == 0)
      g_main_context_iteration (NULL, TRUE);
    g_assert_null (g_thread_join (client));
    g_main_context_release (NULL);
    assert_presented (&meeting);
    g_assert_true (meeting.handler->thread == (handler == BLOCKING ? g_thread_self () : kept));
  }
}

void
add_interaction_tests (void)
{
  add_for_both ("interaction", "handled-with-a-certificate-presents-it",
                handled_with_a_certificate_presents_it);
  add_for_both ("interaction", "answer-without-its-data-or-given-twice-counts-once",
                answer_without_its_data_or_given_twice_counts_once);
  add_for_both ("interaction", "each-handshake-asks-in-its-own-form",
                each_handshake_asks_in_its_own_form);
  add_for_both ("interaction", "nothing-presented-fails-where-it-is-required",
                nothing_presented_fails_where_it_is_required);
  add_for_both ("interaction", "nothing-presented-succeeds-where-it-is-requested",
                nothing_presented_succeeds_where_it_is_requested);
  add_for_both ("interaction", "failure-is-the-handlers-own", failure_is_the_handlers_own);
  add_for_both ("interaction", "user-cancels", user_cancels);
  add_for_both ("interaction", "handshake-that-is-cancelled-while-asking-is-resumed",
                handshake_that_is_cancelled_while_asking_is_resumed);
  add_for_both ("interaction", "handler-is-shown-the-connection-as-every-type",
                handler_is_shown_the_connection_as_every_type);
  add_for_both ("interaction", "blocked-handshake-in-the-handlers-own-loop-goes-on",
                blocked_handshake_in_the_handlers_own_loop_goes_on);
  add_for_both ("interaction", "handler-runs-in-the-loop-of-its-context",
                handler_runs_in_the_loop_of_its_context);
  add_for_both ("interaction", "handler-of-another-context-is-asked-where-its-form-wants",
                handler_of_another_context_is_asked_where_its_form_wants);
}
