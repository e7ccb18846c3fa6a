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
 * It is made by g_initable_new() with #GTlsFileDatabase:anchors.
 *
 * Since: 0.1
 */
G_DECLARE_FINAL_TYPE (GioOsslFileDatabase, gio_ossl_file_database, GIO_OSSL, FILE_DATABASE, GTlsDatabase)

G_END_DECLS
