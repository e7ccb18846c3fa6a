/* A GTlsInteraction that answers what a test tells it to. */
#pragma once

#include <gio/gio.h>

/* How a handler, or a handshake, goes about it. */
typedef enum { BLOCKING, ASYNCHRONOUS } Form;

/* An interaction that answers what it is told to. This class has neither form of the handler. */
typedef struct {
  GTlsInteraction parent;
  GTlsInteractionResult result;
  GError *error;                                       /* fails with this one, if set */
  GTlsCertificate *certificate;                        /* chooses this one, if set */
  void (*look) (GTlsConnection *connection, gpointer); /* looks around first, if set */
  gpointer look_data;
  gboolean forgetful; /* the asynchronous form never answers but to a cancellation */
  gboolean dataless;  /* it loses the data of the callback, as PyGObject does */
  gboolean repeats;   /* it calls back twice */
  guint calls[2];     /* of each form */
  GThread *thread;    /* of the last call */
} Handler;

/* Without either form. */
GType handler_get_type (void);
GType blocking_handler_get_type (void);
GType asynchronous_handler_get_type (void);
GType complete_handler_get_type (void);
