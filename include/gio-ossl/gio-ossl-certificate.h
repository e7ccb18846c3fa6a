/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define GIO_OSSL_TYPE_CERTIFICATE (gio_ossl_certificate_get_type ())

/**
 * GioOsslCertificate:
 *
 * An X.509 certificate, with its issuers and its private key where they are
 * known.
 *
 * It is a #GTlsCertificate that is made by g_initable_new() with the
 * properties of that class, such as #GTlsCertificate:certificate-pem, or by
 * the constructors of #GTlsCertificate where gio-ossl is the TLS backend.
 * Everything is read by g_initable_init(), and the object does not change
 * afterwards: it may be used in every thread.
 *
 * A certificate comes from #GTlsCertificate:certificate (DER),
 * #GTlsCertificate:certificate-pem, #GTlsCertificate:pkcs12-data with
 * #GTlsCertificate:password, or #GTlsCertificate:pkcs11-uri. Its private key,
 * of RSA, EC, Ed25519 or Ed448, comes along in a PKCS #12 container or under
 * the same PKCS #11 URI, or from #GTlsCertificate:private-key (DER),
 * #GTlsCertificate:private-key-pem, both in the form of PKCS #8, PKCS #1 or
 * SEC1, or #GTlsCertificate:private-key-pkcs11-uri. Of two sources for one
 * thing the first is used, with a critical warning. Keys are read back as
 * unencrypted PKCS #8, and not at all when they are on a token.
 *
 * Initialization fails with
 *
 * - %G_TLS_ERROR_BAD_CERTIFICATE if there is no certificate, if one or a key
 *   cannot be read, or if a key outside of a container is encrypted: nobody
 *   is ever asked for a password;
 * - %G_TLS_ERROR_BAD_CERTIFICATE_PASSWORD if the password of a container, or
 *   the PIN of a token, is wrong or missing. %NULL and an empty password are
 *   the same;
 * - %G_IO_ERROR_NOT_SUPPORTED for PKCS #11 URIs where OpenSSL has no engine
 *   for them.
 *
 * The issuer is another reference to the object that was given, which may be
 * of any class. What g_object_get() and the functions of #GTlsCertificate
 * return is the caller's: arrays own their elements.
 *
 * g_tls_certificate_verify() reports all that is wrong at once. Without an
 * authority it judges the dates and the identity alone.
 *
 * Since: 0.1
 */
G_DECLARE_FINAL_TYPE (GioOsslCertificate, gio_ossl_certificate, GIO_OSSL, CERTIFICATE, GTlsCertificate)

G_END_DECLS
