/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The header to include: it brings all the others. */

#include <gio-ossl/gio-ossl-backend.h>
#include <gio-ossl/gio-ossl-certificate.h>
#include <gio-ossl/gio-ossl-database.h>
#include <gio-ossl/gio-ossl-dtls-client-connection.h>
#include <gio-ossl/gio-ossl-dtls-connection.h>
#include <gio-ossl/gio-ossl-dtls-server-connection.h>
#include <gio-ossl/gio-ossl-file-database.h>
#include <gio-ossl/gio-ossl-statistics.h>
#include <gio-ossl/gio-ossl-version.h>
