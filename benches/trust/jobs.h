/* The jobs of the benchmark, each done by GIO's backend (gio.c) and by OpenSSL alone (openssl.c). */

#pragma once

#include <glib.h>

/* Ends the process with status 1 unless what should hold does. */
void check (gboolean holds, const char *reason, const char *what);

/* What every process does that uses GIO's TLS. */
void start (void);

/* Loads a chain of three certificates, and verifies it against the system's authorities. */
void load_and_verify (const char *chain, const char *host);

/* The same with a chain that is kept, for `verify`. */
void load_and_keep (const char *chain, const char *host);
void verify (const char *host);

/* Opens a file of authorities. */
void parse_bundle (const char *bundle);
