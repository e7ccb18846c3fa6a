/* Tells ThreadSanitizer of the order that GLib, which is not instrumented, makes between threads: as
 * much of it as our code relies on. Loaded before GLib, by tests/races/run.
 *
 * - What a thread did before it let go of a reference comes before the finalization by whoever lets
 *   go of the last one: the count is atomic.
 * - What a thread did before it connected a handler to an object comes before the handler's run in a
 *   thread that cancels that object: both take GObject's lock on its handlers. The same lock orders
 *   what a handler did before its disconnection.
 *
 * Nothing else is said, so that everything else must be ordered by ourselves.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <gio/gio.h>

/* ThreadSanitizer's, where the program has it. */
void __tsan_acquire (void *address) __attribute__ ((weak));
void __tsan_release (void *address) __attribute__ ((weak));

static void
happens_before (gpointer object)
{
  if (__tsan_release != NULL && object != NULL)
    __tsan_release (object);
}

static void
happens_after (gpointer object)
{
  if (__tsan_acquire != NULL && object != NULL)
    __tsan_acquire (object);
}

/* Looked up at each call, since a test spends its time elsewhere. */
#define REAL(function) ((__typeof__ (&(function))) dlsym (RTLD_NEXT, #function))

/* GLib has a macro of this name, which only adds a cast. */
#undef g_object_unref

void
g_object_unref (gpointer object)
{
  happens_before (object);
  /* If this is the last reference, then all others have been let go of by now. */
  happens_after (object);
  REAL (g_object_unref) (object);
}

void
g_main_context_unref (GMainContext *context)
{
  happens_before (context);
  /* The last one finalizes the sources that other threads have dispatched. */
  happens_after (context);
  REAL (g_main_context_unref) (context);
}

gulong
g_signal_connect_closure_by_id (gpointer instance, guint signal, GQuark detail, GClosure *closure,
                                gboolean after)
{
  happens_before (instance);
  return REAL (g_signal_connect_closure_by_id) (instance, signal, detail, closure, after);
}

void
g_cancellable_cancel (GCancellable *cancellable)
{
  happens_after (cancellable);
  REAL (g_cancellable_cancel) (cancellable);
  happens_before (cancellable);
}

void
g_signal_handler_disconnect (gpointer instance, gulong handler)
{
  REAL (g_signal_handler_disconnect) (instance, handler);
  happens_after (instance);
}
