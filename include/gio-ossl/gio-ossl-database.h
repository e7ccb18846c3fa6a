/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define GIO_OSSL_TYPE_DATABASE (gio_ossl_database_get_type ())

/**
 * GioOsslDatabase:
 *
 * The certificate authorities that the system trusts, as a #GTlsDatabase.
 *
 * The one that everybody shares is the backend's default database: see
 * g_tls_backend_get_default_database() and gio_ossl_get_backend().
 *
 * The authorities are found where OpenSSL finds them: in the hashed
 * directories and the PEM file that `SSL_CERT_DIR` and `SSL_CERT_FILE` name,
 * or in its usual places; their revocation lists are honoured. Nothing is
 * read before the first question, and what cannot be read has no authorities
 * in it. What was read is kept as long as the object.
 *
 * All functions of #GTlsDatabase may be called from every thread. What they
 * return is the caller's. A look-up that finds nothing returns %NULL without
 * an error, as one for private keys does; the only errors are
 * %G_IO_ERROR_CANCELLED, and %G_TLS_ERROR_MISC if OpenSSL fails. Handles begin
 * with `system-trust:#`.
 *
 * Since: 0.1
 */
G_DECLARE_FINAL_TYPE (GioOsslDatabase, gio_ossl_database, GIO_OSSL, DATABASE, GTlsDatabase)

G_END_DECLS
