/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define GIO_OSSL_TYPE_FILE_DATABASE (gio_ossl_file_database_get_type ())

/**
 * GioOsslFileDatabase:
 *
 * The certificate authorities of one PEM file, as a #GTlsFileDatabase.
 *
 * It is made by gio_ossl_file_database_new(), or by g_tls_file_database_new()
 * where gio-ossl is the TLS backend. The file, of at most 64 MiB, is read once;
 * when #GTlsFileDatabase:anchors changes later, the authorities stay. A
 * relative path is ignored with a warning.
 *
 * Every certificate in the file is trusted, be it a root, an intermediate or
 * an end entity. Revocation lists (`X509 CRL`) in it are honoured, other
 * blocks and text are passed over.
 *
 * Initialization fails with %G_TLS_ERROR_MISC if there is no path, if the file
 * cannot be read, or if it has no certificate or one that is broken, and with
 * %G_IO_ERROR_CANCELLED.
 *
 * All functions of #GTlsDatabase may be called from every thread. What they
 * return is the caller's. A look-up that finds nothing returns %NULL without
 * an error, as one for private keys does; the only error is
 * %G_IO_ERROR_CANCELLED. Handles are the URI of the file, `#`, and the SHA-256
 * of the certificate in lower-case hexadecimal digits.
 *
 * Since: 0.1
 */
G_DECLARE_FINAL_TYPE (GioOsslFileDatabase, gio_ossl_file_database, GIO_OSSL, FILE_DATABASE, GTlsDatabase)

/**
 * gio_ossl_file_database_new:
 * @anchors: (type filename): the absolute path of a PEM file
 * @error: return location for a #GError
 *
 * Reads the certificate authorities of a file, whatever the process's default
 * #GTlsBackend is.
 *
 * Returns: (transfer full): the database, or %NULL with @error set:
 *   %G_TLS_ERROR_MISC if the path is relative, the file cannot be read, or has
 *   no certificate or one that is broken
 *
 * Since: 0.1
 */
GioOsslFileDatabase *gio_ossl_file_database_new (const char *anchors,
                                                 GError **error);

G_END_DECLS
