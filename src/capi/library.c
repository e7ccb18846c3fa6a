/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A library needs a source of its own; all the code is in the archive. Compiling the headers here
 * keeps them valid C. */
#include <gio-ossl/gio-ossl.h>
