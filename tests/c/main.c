/* The C API and the plain GIO API of gio-ossl, as TAP. See ./run. */
#include "common.h"

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  /* Without this, a module that did not load would make the plain GIO cases test another backend. */
  g_assert_cmpstr (G_OBJECT_TYPE_NAME (g_tls_backend_get_default ()), ==, "GTlsBackendOssl");

  add_interface_tests ();
  add_interaction_tests ();
  add_method_tests ();
  add_namespace_tests ();
  add_bytes_tests ();
  add_session_tests ();
  add_rejection_tests ();
  add_bad_input_tests ();
  add_ends_tests ();
  add_certificate_tests ();
  return g_test_run ();
}
