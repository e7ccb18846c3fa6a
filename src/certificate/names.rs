//! A certificate's fields in GLib's types.

use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    x509::X509Ref,
};

use crate::ossl::{queue, x509};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// A point in time as UTC; `None` when GLib cannot express it.
pub(super) fn date_time(time: &Asn1TimeRef) -> Option<glib::DateTime> {
    let elapsed = Asn1Time::from_unix(0).and_then(|epoch| epoch.diff(time));
    queue::clear();
    let elapsed = elapsed.ok()?;
    let seconds = i64::from(elapsed.days) * SECONDS_PER_DAY + i64::from(elapsed.secs);
    glib::DateTime::from_unix_utc(seconds).ok()
}

/// The addresses for which the certificate was issued; malformed ones are left out.
pub(super) fn addresses(certificate: &X509Ref) -> Vec<gio::InetAddress> {
    x509::ip_addresses(certificate)
        .unwrap_or_default()
        .iter()
        .filter_map(|bytes| match bytes.len() {
            4 => Some(gio::InetAddress::from_bytes(gio::InetAddressBytes::V4(
                bytes.as_slice().try_into().ok()?,
            ))),
            16 => Some(gio::InetAddress::from_bytes(gio::InetAddressBytes::V6(
                bytes.as_slice().try_into().ok()?,
            ))),
            _ => None,
        })
        .collect()
}
