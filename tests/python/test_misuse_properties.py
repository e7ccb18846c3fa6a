"""Every property of the namespace: right use, wrong type, wrong time and wrong value."""

import unittest
from typing import NamedTuple

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GLib  # noqa: E402

from ends import ends, meet, udp_pair  # noqa: E402
from misuse import (CLASSES, ROLES, STATES, Case, Journal, assert_test_exists,  # noqa: E402
                    fresh, in_state)

VERSION = Gio.TlsProtocolVersion
NOT_A_NUMBER = (("soon", "TypeError"), (None, "TypeError"), ([], "TypeError"), (b"1", "TypeError"))
NOT_A_STRING = ((5, "TypeError"), (b"bytes", "TypeError"), (["list"], "TypeError"))
NO_UNSIGNED_INTEGER = ((-1, "OverflowError"), (1 << 32, "OverflowError"))
NO_VERSION = ((1 << 32, "OverflowError"),)
UNKNOWN = "has a part that is not known or repeated:"
LATER = ("begun", "established", "closed")
LATE = "GioOssl-WARNING: The property {} cannot be changed after the handshake has begun"


class Setting(NamedTuple):
    """A property that the application writes."""

    right: str  # the test that shows what it is for
    default: object
    good: object
    types: tuple  # (value, exception); PyGObject takes anything for a boolean
    values: tuple = ()  # (value, exception) of what has the right type, and no room in C's
    outside: tuple = ()  # (value, as GLib shows it): refused by GObject with a warning
    bad: tuple = ()  # (value, a part of the error): fails init(), or the handshake
    counts_as: tuple = ()  # (value, what it reads as)
    late: tuple = ()  # the states after the handshake has begun in which it may be set
    roles: tuple = ROLES


class Fact(NamedTuple):
    """A property that tells what came of the handshake, and is never written."""

    right: str
    default: object
    later: object  # its value, or its type, after a handshake of our own ends


PROPERTIES = {
    "DtlsConnection:mtu": Setting(
        "test_path.Path.test_every_flight_keeps_to_the_mtu_with_other_implementations",
        0, 600, NOT_A_NUMBER, NO_UNSIGNED_INTEGER, outside=((65_508, "65508"),),
        counts_as=((1, 256), (255, 256), (256, 256), (65_507, 65_507)), late=LATER),
    "DtlsConnection:send-offload": Setting(
        "test_offload.Offload.test_messages_are_the_same_with_and_without",
        True, False, (), counts_as=(("no", True), (None, False), ([], False)), late=LATER),
    "DtlsConnection:receive-offload": Setting(
        "test_offload.Offload.test_messages_are_the_same_with_and_without",
        False, True, (), counts_as=(("no", True), (None, False), ([], False)),
        late=("begun", "established")),
    "DtlsConnection:initial-timeout": Setting(
        "test_timers.Timers.test_properties_are_notified",
        1000, 50, NOT_A_NUMBER, NO_UNSIGNED_INTEGER, outside=((0, "0"), (60_001, "60001"))),
    "DtlsConnection:handshake-timeout": Setting(
        "test_timers.Timers.test_handshake_ends_when_its_time_is_up",
        0, 50, NOT_A_NUMBER, NO_UNSIGNED_INTEGER),
    "DtlsConnection:min-protocol-version": Setting(
        "test_protocol.Properties.test_values_are_kept_and_announced",
        VERSION.UNKNOWN, VERSION.DTLS_1_2, NOT_A_NUMBER, NO_VERSION,
        outside=((99, "((GTlsProtocolVersion) 99)"),),
        bad=((VERSION.TLS_1_3, "min-protocol-version is TLS1.3"),)),
    "DtlsConnection:max-protocol-version": Setting(
        "test_protocol.Properties.test_values_are_kept_and_announced",
        VERSION.UNKNOWN, VERSION.DTLS_1_2, NOT_A_NUMBER, NO_VERSION,
        outside=((99, "((GTlsProtocolVersion) 99)"),),
        bad=((VERSION.DTLS_1_0, "max-protocol-version is DTLS1.0"),)),
    "DtlsConnection:cipher-list": Setting(
        "test_protocol.Properties.test_values_are_kept_and_announced",
        None, "ECDHE+AESGCM", NOT_A_STRING,
        bad=(("ECDHE+AESGCM:nonsense", f"cipher-list {UNKNOWN} \"nonsense\""),
             ("", 'cipher-list is ""'), ("AES128-SHA", 'cipher-list is "AES128-SHA"'))),
    "DtlsConnection:groups": Setting(
        "test_protocol.Properties.test_values_are_kept_and_announced",
        None, "X25519", NOT_A_STRING,
        bad=(("X25519:nonsense", f"groups {UNKNOWN} \"nonsense\""),
             ("", f"groups {UNKNOWN} \"\""))),
    "DtlsConnection:signature-algorithms": Setting(
        "test_protocol.Properties.test_values_are_kept_and_announced",
        None, "ECDSA+SHA256", NOT_A_STRING,
        bad=(("nonsense", f"signature-algorithms {UNKNOWN} \"nonsense\""),
             ("", f"signature-algorithms {UNKNOWN} \"\""))),
    "DtlsConnection:session-resumption": Setting(
        "test_resumption.Properties.test_session_resumption_is_kept_and_announced",
        True, False, (), counts_as=(("no", True), (None, False), ([], False))),
    "DtlsConnection:srtp-profiles": Setting(
        "test_srtp.Profiles.test_list_may_be_emptied",
        [], ["SRTP_AEAD_AES_128_GCM"],
        (("a string", "TypeError"), (5, "TypeError"), ([5], "TypeError")),
        bad=((["SRTP_AEAD_AES_128_GCM", "nonsense"], 'has an unknown profile: "nonsense"'),
             ([""], 'srtp-profiles has an unknown profile: ""')),
        counts_as=((None, []), ((), []), ([None], []))),
    "DtlsServerConnection:psk-identity-hint": Setting(
        "test_psk.Keys.test_client_is_asked_with_the_hint",
        None, "which?", NOT_A_STRING, bad=(("h" * 256, "psk-identity-hint"),),
        counts_as=(("h" * 255, "h" * 255), ("", "")), roles=("server",)),
    "DtlsConnection:max-payload": Fact(
        "test_path.Path.test_payload_is_notified_when_the_mtu_changes", 0, 16_384),
    "DtlsConnection:group": Fact(
        "test_protocol.Properties.test_facts_are_announced_once_and_stay", None, str),
    "DtlsConnection:signature-scheme": Fact(
        "test_protocol.Properties.test_facts_are_announced_once_and_stay",
        None, "ecdsa_secp256r1_sha256"),
    "DtlsConnection:cipher-bits": Fact(
        "test_protocol.Properties.test_facts_are_announced_once_and_stay", 0, 256),
    "DtlsConnection:session-resumed": Fact(
        "test_resumption.OtherServers.test_sessions_are_resumed_by_themselves", False, False),
    "DtlsConnection:negotiated-srtp-profile": Fact(
        "test_srtp.Profiles.test_negotiated_profile_is_announced_once",
        None, "SRTP_AEAD_AES_128_GCM"),
}


def name_of(entry):
    return entry.split(":")[1]


def settings():
    """Each property that can be written, with each role that has it."""
    for entry, it in PROPERTIES.items():
        if isinstance(it, Setting):
            for role in it.roles:
                yield name_of(entry), it, role


def facts():
    for entry, it in PROPERTIES.items():
        if isinstance(it, Fact):
            yield name_of(entry), it


def noting(connection, name):
    """The values that a property has whenever it is announced."""
    seen = []
    connection.connect(f"notify::{name}", lambda it, _: seen.append(it.get_property(name)))
    return seen


class Settings(Case):
    def refuses(self, role, name, value, expected):
        """The value raises this exception, and changes nothing."""
        connection, _ = fresh(role)
        before, seen = connection.get_property(name), noting(connection, name)
        self.assert_outcome(lambda: connection.set_property(name, value), expected)
        self.assertEqual((connection.get_property(name), seen), (before, []))

    def test_each_has_a_test_of_its_use(self):
        for entry, it in PROPERTIES.items():
            with self.subTest(property=entry):
                assert_test_exists(self, it.right)

    def test_right_values_are_kept_and_announced_once(self):
        for name, it, role in settings():
            with self.subTest(property=name, role=role):
                connection, _ = fresh(role)
                self.assertEqual(connection.get_property(name), it.default)
                for value, kept in ((it.good, it.good), *it.counts_as):
                    seen = noting(connection, name)
                    self.assert_outcome(lambda: connection.set_property(name, value), None)
                    self.assertEqual(connection.get_property(name), kept)
                    self.assertEqual(seen, [kept])

    def test_right_values_are_taken_by_the_construction(self):
        for name, it, role in settings():
            with self.subTest(property=name, role=role):
                sockets = udp_pair()
                connection = CLASSES[role](base_socket=sockets[0], **{name: it.good})
                self.assertEqual(connection.get_property(name), it.good)
                self.assert_outcome(lambda: connection.init(None), True)
                self.assertEqual(connection.get_property(name), it.good)

    def test_wrong_types_and_impossible_numbers_are_refused(self):
        for name, it, role in settings():
            for value, expected in it.types + it.values:
                with self.subTest(property=name, role=role, value=value):
                    self.refuses(role, name, value, expected)

    def test_what_is_no_number_fails_the_construction(self):
        # PyGObject's constructors make a string of whatever a string is wanted for.
        for name, it, role in settings():
            if it.types is NOT_A_NUMBER:
                for value, _ in it.types + it.values:
                    with self.subTest(property=name, role=role, value=value), \
                            self.assertRaises((TypeError, OverflowError)):
                        CLASSES[role](base_socket=udp_pair()[0], **{name: value})

    def test_values_out_of_range_are_warned_of(self):
        for name, it, role in settings():
            for value, shown in it.outside:
                with self.subTest(property=name, role=role, value=value):
                    connection, _ = fresh(role)
                    kind = connection.find_property(name).value_type.name
                    text = (f"value \"{shown}\" of type '{kind}' is invalid or out of range for "
                            f"property '{name}' of type '{kind}'")
                    self.assert_outcome(lambda: connection.set_property(name, value), None, [text])
                    self.assertEqual(connection.get_property(name), it.default)

    def test_bad_values_fail_the_initialisation(self):
        for name, it, role in settings():
            for value, text in it.bad:
                with self.subTest(property=name, role=role, value=value):
                    connection = CLASSES[role](base_socket=udp_pair()[0], **{name: value})
                    for _ in range(2):
                        self.assert_fails(Gio.IOErrorEnum.INVALID_ARGUMENT, text,
                                          lambda: connection.init(None))
                    self.assert_outcome(lambda: connection.send(b"x", 0, None), "INVALID_ARGUMENT")

    def test_bad_values_that_are_set_later_fail_the_handshake(self):
        for name, it, role in settings():
            for value, text in it.bad:
                with self.subTest(property=name, role=role, value=value):
                    connection, _ = fresh(role)
                    self.assert_outcome(lambda: connection.set_property(name, value), None)
                    self.assertEqual(connection.get_property(name), value)
                    for call in (lambda: connection.handshake(None),
                                 lambda: connection.send(b"x", 0, None)):
                        self.assert_fails(Gio.IOErrorEnum.INVALID_ARGUMENT, text, call)

    def test_settings_are_fixed_once_the_handshake_has_begun(self):
        for name, it, role in settings():
            for state in LATER:
                with self.subTest(property=name, role=role, state=state):
                    connection, _ = in_state(role, state)
                    before, seen = connection.get_property(name), noting(connection, name)
                    kept = it.good if state in it.late else before
                    logged = [] if it.late else [LATE.format(name)]
                    self.assert_outcome(lambda: connection.set_property(name, it.good), None,
                                        logged)
                    self.assertEqual(connection.get_property(name), kept)
                    self.assertEqual(seen, [kept] if it.late else [])

    def test_the_other_role_has_no_such_property(self):
        for entry, it in PROPERTIES.items():
            if getattr(it, "roles", ROLES) != ROLES:
                client, _ = fresh("client")
                for call in (lambda: client.get_property(name_of(entry)),
                             lambda: client.set_property(name_of(entry), it.good)):
                    self.assert_outcome(call, "TypeError")


class Facts(Case):
    def test_they_are_never_written(self):
        for name, it in facts():
            for role in ROLES:
                for state in STATES:
                    with self.subTest(property=name, role=role, state=state):
                        connection, _ = in_state(role, state)
                        for value in (it.default, "x", 5):
                            self.assert_outcome(lambda: connection.set_property(name, value),
                                                "TypeError")

    def test_they_are_not_taken_by_the_construction(self):
        for name, it in facts():
            for role in ROLES:
                with self.subTest(property=name, role=role):
                    value = "x" if it.default is None else it.default
                    text = (f"g_object_new_is_valid_property: property '{name}' of object class "
                            f"'{CLASSES[role].__gtype__.name}' is not writable")
                    with Journal() as journal:
                        connection = CLASSES[role](base_socket=udp_pair()[0], **{name: value})
                    self.assertEqual(journal.lines, [text])
                    self.assertEqual(connection.get_property(name), it.default)

    def test_they_are_announced_once_at_the_end_of_the_handshake(self):
        both = ends()
        for connection in both:
            connection.props.srtp_profiles = ["SRTP_AEAD_AES_128_GCM"]
            connection.set_property("mtu", 65_507)
        seen = [{name: noting(it, name) for name, _ in facts()} for it in both]
        for connection in both:
            for name, it in facts():
                self.assertEqual(connection.get_property(name), it.default)
        meet(*both)
        for connection, heard in zip(both, seen):
            for name, it in facts():
                with self.subTest(property=name, role=type(connection).__name__):
                    value = connection.get_property(name)
                    if isinstance(it.later, type):
                        self.assertIsInstance(value, it.later)
                    else:
                        self.assertEqual(value, it.later)
                    self.assertEqual(heard[name], [value])
            connection.close(None)
            for name, _ in facts():
                self.assertEqual(heard[name], [connection.get_property(name)])

    def test_a_failed_handshake_leaves_the_defaults_unannounced(self):
        client, server = ends()
        client.set_database(None)
        seen = {name: noting(client, name) for name, _ in facts()}
        with self.assertRaises(GLib.Error):
            meet(server, client)
        for name, it in facts():
            with self.subTest(property=name):
                self.assertEqual((client.get_property(name), seen[name]), (it.default, []))


class Reading(Case):
    def reads(self, connection):
        """Reads every property of our own, which is never worth a message."""
        with Journal() as journal:
            values = {spec.name: connection.get_property(spec.name)
                      for spec in connection.list_properties()
                      if spec.owner_type.name.startswith("GioOssl")}
        self.assertEqual(journal.lines, [])
        return values

    def test_every_property_is_read_in_every_state(self):
        for role in ROLES:
            of_role = {name_of(entry) for entry, it in PROPERTIES.items()
                       if role in getattr(it, "roles", ROLES)}
            for state in STATES:
                with self.subTest(role=role, state=state):
                    connection, _ = in_state(role, state)
                    values = self.reads(connection)
                    self.assertEqual(set(values), of_role)
                    connection.run_dispose()
                    self.assertEqual(self.reads(connection), values)

    def test_every_property_is_read_without_an_initialisation(self):
        for role in ROLES:
            for arguments in ({}, {"groups": "nonsense"}):
                connection = CLASSES[role](**arguments)
                before = self.reads(connection)
                self.assert_outcome(lambda: connection.init(None), "INVALID_ARGUMENT")
                self.assertEqual(self.reads(connection), before)
                for name, it in facts():
                    self.assertEqual(before[name], it.default)


if __name__ == "__main__":
    unittest.main()
