#include "handler.h"

typedef GTlsInteractionClass HandlerClass;
typedef Handler BlockingHandler, AsynchronousHandler, CompleteHandler;
typedef HandlerClass BlockingHandlerClass, AsynchronousHandlerClass, CompleteHandlerClass;

G_DEFINE_TYPE (Handler, handler, G_TYPE_TLS_INTERACTION)
G_DEFINE_TYPE (BlockingHandler, blocking_handler, handler_get_type ())
G_DEFINE_TYPE (AsynchronousHandler, asynchronous_handler, handler_get_type ())
G_DEFINE_TYPE (CompleteHandler, complete_handler, handler_get_type ())

static GTlsInteractionResult
handler_answer (Handler *handler, Form form, GTlsConnection *connection, GError **error)
{
  handler->calls[form]++;
  handler->thread = g_thread_self ();
  if (handler->look != NULL)
    handler->look (connection, handler->look_data);
  if (handler->certificate != NULL)
    g_tls_connection_set_certificate (connection, handler->certificate);
  if (handler->error == NULL)
    return handler->result;
  g_propagate_error (error, g_error_copy (handler->error));
  return G_TLS_INTERACTION_FAILED;
}

static GTlsInteractionResult
request_certificate (GTlsInteraction *interaction, GTlsConnection *connection,
                     G_GNUC_UNUSED GTlsCertificateRequestFlags flags,
                     G_GNUC_UNUSED GCancellable *cancellable, GError **error)
{
  return handler_answer ((Handler *) interaction, BLOCKING, connection, error);
}

typedef struct {
  GAsyncReadyCallback callback;
  gpointer data;
} Asked;

static void
call_back_twice (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Asked *asked = data;

  asked->callback (source, result, asked->data);
  asked->callback (source, result, asked->data);
}

static gboolean
answer_later (gpointer data)
{
  GTask *task = data;
  GError *error = NULL;
  GTlsInteractionResult result = handler_answer (g_task_get_source_object (task), ASYNCHRONOUS,
                                                 g_task_get_task_data (task), &error);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, (gssize) result);
  return G_SOURCE_REMOVE;
}

static gboolean
answer_cancellation (G_GNUC_UNUSED GCancellable *cancellable, gpointer data)
{
  return answer_later (data);
}

static void
request_certificate_async (GTlsInteraction *interaction, GTlsConnection *connection,
                           G_GNUC_UNUSED GTlsCertificateRequestFlags flags,
                           GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  Handler *handler = (Handler *) interaction;
  if (handler->dataless)
    data = NULL;
  if (handler->repeats) {
    data = g_memdup2 (&(Asked){ callback, data }, sizeof (Asked));
    callback = call_back_twice;
  }
  GTask *task = g_task_new (interaction, cancellable, callback, data);
  g_autoptr (GSource) source
      = handler->forgetful ? g_cancellable_source_new (cancellable) : g_idle_source_new ();

  g_task_set_task_data (task, g_object_ref (connection), g_object_unref);
  g_source_set_callback (source,
                         handler->forgetful ? (GSourceFunc) (void (*) (void)) answer_cancellation
                                            : answer_later,
                         task, g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

static GTlsInteractionResult
request_certificate_finish (GTlsInteraction *interaction, GAsyncResult *result, GError **error)
{
  g_assert_true (g_task_is_valid (result, interaction));
  gssize answer = g_task_propagate_int (G_TASK (result), error);
  return answer < 0 ? G_TLS_INTERACTION_FAILED : (GTlsInteractionResult) answer;
}

static void
handler_finalize (GObject *object)
{
  Handler *handler = (Handler *) object;

  g_clear_error (&handler->error);
  g_clear_object (&handler->certificate);
  G_OBJECT_CLASS (handler_parent_class)->finalize (object);
}

static void
handler_class_init (HandlerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = handler_finalize;
}

static void
blocking_handler_class_init (BlockingHandlerClass *klass)
{
  klass->request_certificate = request_certificate;
}

static void
asynchronous_handler_class_init (AsynchronousHandlerClass *klass)
{
  klass->request_certificate_async = request_certificate_async;
  klass->request_certificate_finish = request_certificate_finish;
}

static void
complete_handler_class_init (CompleteHandlerClass *klass)
{
  blocking_handler_class_init (klass);
  asynchronous_handler_class_init (klass);
}

static void
handler_init (Handler *handler)
{
  handler->result = G_TLS_INTERACTION_HANDLED;
}

static void
blocking_handler_init (G_GNUC_UNUSED BlockingHandler *handler)
{
}

static void
asynchronous_handler_init (G_GNUC_UNUSED AsynchronousHandler *handler)
{
}

static void
complete_handler_init (G_GNUC_UNUSED CompleteHandler *handler)
{
}
