//! Whether a certificate is for a host name or an address (RFC 9525, section 6).

use openssl::{nid::Nid, x509::X509Ref};

use super::x509::{dns_names, ip_addresses};

/// Whether the certificate is for this host name: ASCII, without trailing dot, and not an address.
///
/// A common name counts only where there is no dNSName at all, and stands for itself alone: name
/// constraints do not reach a wildcard there.
pub(crate) fn matches_host(certificate: &X509Ref, host: &str) -> bool {
    let host = host.as_bytes();
    let Ok(names) = dns_names(certificate) else {
        return false;
    };
    if names.is_empty() {
        let mut common_names = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
        return common_names.any(|name| name.data().as_slice().eq_ignore_ascii_case(host));
    }
    names.iter().any(|name| matches_name(name, host))
}

/// Whether the certificate is for this IP address of 4 or 16 bytes.
pub(crate) fn matches_address(certificate: &X509Ref, address: &[u8]) -> bool {
    ip_addresses(certificate).is_ok_and(|own| own.iter().any(|own| own == address))
}

/// Whether a dNSName is this host's, by itself or by a wildcard in place of its first label. There
/// must be two labels more: nobody can vouch for a whole top-level domain.
fn matches_name(name: &[u8], host: &[u8]) -> bool {
    let Some(domain) = name.strip_prefix(b"*.") else {
        return name.eq_ignore_ascii_case(host);
    };
    let mut labels = host.splitn(2, |byte| *byte == b'.');
    let (first, rest) = (labels.next(), labels.next());
    domain.contains(&b'.')
        && first.is_some_and(|label| !label.is_empty())
        && rest.is_some_and(|rest| rest.eq_ignore_ascii_case(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_matches(name: &str, hosts: &[&str]) {
        for host in hosts {
            assert!(matches_name(name.as_bytes(), host.as_bytes()), "{host:?}");
        }
    }

    #[track_caller]
    fn assert_differs(name: &str, hosts: &[&str]) {
        for host in hosts {
            assert!(!matches_name(name.as_bytes(), host.as_bytes()), "{host:?}");
        }
    }

    #[test]
    fn names_match_as_a_whole_regardless_of_ascii_case() {
        assert_matches("a.example", &["a.example", "A.EXAMPLE"]);
        let others = ["b.example", "a.example.org", "x.a.example", "example", ""];
        assert_differs("a.example", &others);
        assert_differs(
            "a.example",
            &["a.example\0", "a.example.", "\u{430}.example"],
        );
        assert_differs("a.example\0.org", &["a.example", "a.example.org"]);
        assert_differs("", &["a"]);
    }

    #[test]
    fn wildcards_stand_for_exactly_the_first_label() {
        let hosts = [
            "a.b.example",
            "A.B.Example",
            "a_b.b.example",
            "xn--bcher-kva.b.example",
        ];
        assert_matches("*.b.example", &hosts);
        let others = [
            "b.example",
            ".b.example",
            "a.a.b.example",
            "a.b.example.org",
            "ab.example",
        ];
        assert_differs("*.b.example", &others);
    }

    #[test]
    fn wildcards_elsewhere_and_parts_of_labels_match_nothing() {
        for name in [
            "a*.b.example",
            "*a.b.example",
            "a.*.example",
            "*.*.example",
            "**.b.example",
        ] {
            assert_differs(name, &["a.b.example", "aa.b.example", "a.a.example"]);
        }
        assert_differs("xn--*.b.example", &["xn--bcher-kva.b.example"]);
    }

    #[test]
    fn wildcards_do_not_cover_a_top_level_domain() {
        assert_differs("*.example", &["a.example"]);
        assert_differs("*.", &["a.", "a"]);
        assert_differs("*", &["a", "a.example"]);
    }
}
