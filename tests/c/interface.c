/* Every property of GDtlsConnection and GDtlsClientConnection: type, flags, default, set, notify. */
#include "common.h"

static GDatagramBased *
unconnected_client (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) base = udp_socket_to (unused_udp_port ());
  GDatagramBased *client = client_new (((const Case *) data)->make, base, IDENTITY, &error);
  g_assert_no_error (error);
  return client;
}

static void
class_has_every_interface_property (gconstpointer data)
{
  g_autoptr (GDatagramBased) client = unconnected_client (data);
  GType interfaces[] = { G_TYPE_DTLS_CONNECTION, G_TYPE_DTLS_CLIENT_CONNECTION };
  guint expected[] = { 12, 3 };

  for (gsize i = 0; i < G_N_ELEMENTS (interfaces); i++) {
    guint count = 0;
    gpointer vtable = g_type_default_interface_ref (interfaces[i]);
    g_autofree GParamSpec **specs = g_object_interface_list_properties (vtable, &count);
    g_assert_cmpuint (count, ==, expected[i]);
    for (guint p = 0; p < count; p++) {
      GParamSpec *ours = g_object_class_find_property (G_OBJECT_GET_CLASS (client), specs[p]->name);
      g_assert_nonnull (ours);
      g_assert_true (ours->value_type == specs[p]->value_type);
      /* GObject drops CONSTRUCT from no override, and adds nothing but its own bookkeeping. */
      GParamFlags mask = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_CONSTRUCT_ONLY;
      g_assert_cmpuint (ours->flags & mask, ==, specs[p]->flags & mask);
      g_assert_cmpint (g_param_values_cmp (specs[p], g_param_spec_get_default_value (ours),
                                           g_param_spec_get_default_value (specs[p])),
                       ==, 0);
    }
    g_type_default_interface_unref (vtable);
  }
}

static void
type_implements_exactly_the_dtls_interfaces (gconstpointer data)
{
  g_autoptr (GDatagramBased) client = unconnected_client (data);

  g_assert_true (G_IS_DATAGRAM_BASED (client));
  g_assert_true (G_IS_DTLS_CONNECTION (client));
  g_assert_true (G_IS_DTLS_CLIENT_CONNECTION (client));
  g_assert_true (G_IS_INITABLE (client));
  g_assert_false (G_IS_DTLS_SERVER_CONNECTION (client));
  g_assert_false (G_IS_TLS_CONNECTION (client));
  g_assert_cmpstr (G_OBJECT_TYPE_NAME (client), ==, "GioOsslDtlsClientConnection");
}

static void
properties_have_their_defaults (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDatagramBased) base = udp_socket_to (unused_udp_port ());
  g_autoptr (GDatagramBased) client = client_new (((const Case *) data)->make, base, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (GDatagramBased) base_now = NULL;
  g_autoptr (GTlsDatabase) database = NULL;
  g_autoptr (GTlsInteraction) interaction = NULL;
  g_autoptr (GTlsCertificate) certificate = NULL, peer_certificate = NULL;
  g_autoptr (GSocketConnectable) identity = NULL;
  g_auto (GStrv) advertised = NULL;
  g_autofree char *negotiated = NULL, *cipher = NULL;
  gboolean require_close_notify = FALSE;
  gint rehandshake_mode = -1;
  guint errors = 99, version = 99, validation = 99;
  gpointer accepted_cas = &errors;

  g_object_get (client, "base-socket", &base_now, "database", &database, "interaction",
                &interaction, "certificate", &certificate, "peer-certificate", &peer_certificate,
                "server-identity", &identity, "advertised-protocols", &advertised,
                "negotiated-protocol", &negotiated, "ciphersuite-name", &cipher,
                "require-close-notify", &require_close_notify, "rehandshake-mode",
                &rehandshake_mode, "peer-certificate-errors", &errors, "protocol-version", &version,
                "validation-flags", &validation, "accepted-cas", &accepted_cas, NULL);

  g_assert_true (base_now == base);
  /* Never set: the system's, which GIO hands out as one object. */
  g_autoptr (GTlsDatabase) system_database
      = g_tls_backend_get_default_database (g_tls_backend_get_default ());
  g_assert_true (database == system_database);
  g_assert_null (interaction);
  g_assert_null (certificate);
  g_assert_null (peer_certificate);
  g_assert_null (identity);
  g_assert_null (advertised);
  g_assert_null (negotiated);
  g_assert_null (cipher);
  g_assert_true (require_close_notify);
  g_assert_cmpint (rehandshake_mode, ==, 0);
  g_assert_cmpuint (errors, ==, 0);
  g_assert_cmpuint (version, ==, G_TLS_PROTOCOL_VERSION_UNKNOWN);
  g_assert_cmpuint (validation, ==, G_TLS_CERTIFICATE_VALIDATE_ALL);
  g_assert_null (accepted_cas);
}

static void
count_notify (G_GNUC_UNUSED GObject *object, G_GNUC_UNUSED GParamSpec *spec, gpointer count)
{
  (*(guint *) count)++;
}

static guint *
watch (gpointer object, const char *property)
{
  guint *count = g_new0 (guint, 1);
  g_autofree char *signal = g_strconcat ("notify::", property, NULL);
  g_signal_connect_data (object, signal, G_CALLBACK (count_notify), count,
                         (GClosureNotify) (void (*) (void)) g_free, 0);
  return count;
}

static void
object_properties_are_set_read_back_and_notified (gconstpointer data)
{
  g_autoptr (GDatagramBased) client = unconnected_client (data);
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);
  g_autoptr (GTlsDatabase) database = pki_database ("ca.pem");
  g_autoptr (GTlsInteraction) interaction = g_object_new (G_TYPE_TLS_INTERACTION, NULL);
  g_autofree char *certificate_path = pki_path ("client.pem");
  g_autofree char *key_path = pki_path ("client.key");
  g_autoptr (GError) error = NULL;
  g_autoptr (GTlsCertificate) certificate
      = g_tls_certificate_new_from_files (certificate_path, key_path, &error);
  g_assert_no_error (error);

  guint *count = watch (dtls, "database");
  g_dtls_connection_set_database (dtls, database);
  g_assert_cmpuint (*count, ==, 1);
  g_assert_true (g_dtls_connection_get_database (dtls) == database);
  g_dtls_connection_set_database (dtls, NULL);
  g_assert_cmpuint (*count, ==, 2);
  g_assert_null (g_dtls_connection_get_database (dtls));

  count = watch (dtls, "interaction");
  g_dtls_connection_set_interaction (dtls, interaction);
  g_assert_cmpuint (*count, ==, 1);
  g_assert_true (g_dtls_connection_get_interaction (dtls) == interaction);
  g_dtls_connection_set_interaction (dtls, NULL);
  g_assert_null (g_dtls_connection_get_interaction (dtls));

  count = watch (dtls, "certificate");
  g_dtls_connection_set_certificate (dtls, certificate);
  g_assert_cmpuint (*count, ==, 1);
  g_assert_true (g_dtls_connection_get_certificate (dtls) == certificate);
}

static void
plain_properties_are_set_read_back_and_notified (gconstpointer data)
{
  g_autoptr (GDatagramBased) client = unconnected_client (data);
  GDtlsConnection *dtls = G_DTLS_CONNECTION (client);
  const char *protocols[] = { "coap", "x", NULL };

  guint *count = watch (dtls, "require-close-notify");
  g_dtls_connection_set_require_close_notify (dtls, FALSE);
  g_assert_cmpuint (*count, ==, 1);
  g_assert_false (g_dtls_connection_get_require_close_notify (dtls));

  G_GNUC_BEGIN_IGNORE_DEPRECATIONS
  g_dtls_connection_set_rehandshake_mode (dtls, G_TLS_REHANDSHAKE_UNSAFELY);
  g_assert_cmpint (g_dtls_connection_get_rehandshake_mode (dtls), ==, G_TLS_REHANDSHAKE_SAFELY);
  G_GNUC_END_IGNORE_DEPRECATIONS

  count = watch (dtls, "advertised-protocols");
  g_dtls_connection_set_advertised_protocols (dtls, protocols);
  g_assert_cmpuint (*count, ==, 1);
  g_auto (GStrv) advertised = NULL;
  g_object_get (dtls, "advertised-protocols", &advertised, NULL);
  g_assert_cmpstrv (advertised, protocols);
  g_dtls_connection_set_advertised_protocols (dtls, NULL);
  g_auto (GStrv) none = NULL;
  g_object_get (dtls, "advertised-protocols", &none, NULL);
  g_assert_null (none);
}

static void
client_properties_are_set_read_back_and_notified (gconstpointer data)
{
  g_autoptr (GDatagramBased) connection = unconnected_client (data);
  GDtlsClientConnection *client = G_DTLS_CLIENT_CONNECTION (connection);
  GSocketConnectable *first = g_dtls_client_connection_get_server_identity (client);
  g_assert_cmpstr (g_network_address_get_hostname (G_NETWORK_ADDRESS (first)), ==, IDENTITY);

  g_autoptr (GSocketConnectable) other = g_network_address_new ("other.example.com", 1);
  guint *count = watch (client, "server-identity");
  g_dtls_client_connection_set_server_identity (client, other);
  g_assert_cmpuint (*count, ==, 1);
  g_assert_true (g_dtls_client_connection_get_server_identity (client) == other);

  count = watch (client, "validation-flags");
  G_GNUC_BEGIN_IGNORE_DEPRECATIONS
  g_dtls_client_connection_set_validation_flags (client, G_TLS_CERTIFICATE_EXPIRED);
  g_assert_cmpuint (*count, ==, 1);
  g_assert_cmpuint (g_dtls_client_connection_get_validation_flags (client), ==,
                    G_TLS_CERTIFICATE_EXPIRED);
  G_GNUC_END_IGNORE_DEPRECATIONS

  g_assert_null (g_dtls_client_connection_get_accepted_cas (client));
}

void
add_interface_tests (void)
{
  add_for_both ("interface", "class-has-every-interface-property",
                class_has_every_interface_property);
  add_for_both ("interface", "type-implements-exactly-the-dtls-interfaces",
                type_implements_exactly_the_dtls_interfaces);
  add_for_both ("interface", "properties-have-their-defaults", properties_have_their_defaults);
  add_for_both ("interface", "object-properties-are-set-read-back-and-notified",
                object_properties_are_set_read_back_and_notified);
  add_for_both ("interface", "plain-properties-are-set-read-back-and-notified",
                plain_properties_are_set_read_back_and_notified);
  add_for_both ("interface", "client-properties-are-set-read-back-and-notified",
                client_properties_are_set_read_back_and_notified);
}
