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
 * properties of that class, such as #GTlsCertificate:certificate-pem.
 *
 * Since: 0.1
 */
G_DECLARE_FINAL_TYPE (GioOsslCertificate, gio_ossl_certificate, GIO_OSSL, CERTIFICATE, GTlsCertificate)

G_END_DECLS
