//! Where the names are in a certificate whose encoding is beyond doubt.
//!
//! OpenSSL takes a tenth of a millisecond for each certificate, most of it for the public key. A
//! collection of hundreds, of which a program needs one or two, is therefore only walked through: what
//! is accepted here is accepted by OpenSSL too, and what is unusual is left for OpenSSL to judge.

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// The names of a certificate, each a complete DER encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
}

/// The names in a certificate (RFC 5280, section 4.1); nothing where only OpenSSL can tell whether it
/// is one.
pub(super) fn names(certificate: &[u8]) -> Option<Names<'_>> {
    let mut outer = Reader(certificate);
    let mut fields = Reader(outer.expect(SEQUENCE)?);
    outer.end()?;
    let names = signed_part(Reader(fields.expect(SEQUENCE)?))?;
    algorithm(&mut fields)?;
    bits(&mut fields)?;
    fields.end()?;
    Some(names)
}

fn signed_part(mut fields: Reader<'_>) -> Option<Names<'_>> {
    if fields.next_is(VERSION) {
        let mut version = Reader(fields.expect(VERSION)?);
        integer(&mut version)?;
        version.end()?;
    }
    integer(&mut fields)?;
    algorithm(&mut fields)?;
    let issuer = name(&mut fields)?;
    let mut validity = Reader(fields.expect(SEQUENCE)?);
    time(&mut validity)?;
    time(&mut validity)?;
    validity.end()?;
    let subject = name(&mut fields)?;
    let mut key = Reader(fields.expect(SEQUENCE)?);
    algorithm(&mut key)?;
    bits(&mut key)?;
    key.end()?;
    if fields.next_is(EXTENSIONS) {
        let mut wrapped = Reader(fields.expect(EXTENSIONS)?);
        extensions(Reader(wrapped.expect(SEQUENCE)?))?;
        wrapped.end()?;
    }
    fields.end()?;
    Some(Names { issuer, subject })
}

fn extensions(mut list: Reader<'_>) -> Option<()> {
    loop {
        let mut extension = Reader(list.expect(SEQUENCE)?);
        object_identifier(&mut extension)?;
        if extension.next_is(BOOLEAN) {
            matches!(extension.expect(BOOLEAN)?, [0x00 | 0xff]).then_some(())?;
        }
        extension.expect(OCTET_STRING)?;
        extension.end()?;
        if list.0.is_empty() {
            return Some(());
        }
    }
}

fn name<'a>(fields: &mut Reader<'a>) -> Option<&'a [u8]> {
    let before = fields.0;
    let mut sets = Reader(fields.expect(SEQUENCE)?);
    let whole = before.get(..before.len() - fields.0.len())?;
    while !sets.0.is_empty() {
        let mut set = Reader(sets.expect(SET)?);
        loop {
            let mut attribute = Reader(set.expect(SEQUENCE)?);
            object_identifier(&mut attribute)?;
            match attribute.element()? {
                (PRINTABLE_STRING | IA5_STRING, _) => {}
                (UTF8_STRING, text) => std::str::from_utf8(text).map(drop).ok()?,
                _ => return None,
            }
            attribute.end()?;
            if set.0.is_empty() {
                break;
            }
        }
    }
    Some(whole)
}

fn algorithm(fields: &mut Reader<'_>) -> Option<()> {
    let mut content = Reader(fields.expect(SEQUENCE)?);
    object_identifier(&mut content)?;
    if content.next_is(OBJECT_IDENTIFIER) {
        object_identifier(&mut content)?;
    } else if content.next_is(NULL) {
        content.expect(NULL)?.is_empty().then_some(())?;
    }
    content.end()
}

fn bits(fields: &mut Reader<'_>) -> Option<()> {
    // Of the last byte, all bits are used.
    (fields.expect(BIT_STRING)?.first() == Some(&0)).then_some(())
}

fn integer(fields: &mut Reader<'_>) -> Option<()> {
    match fields.expect(INTEGER)? {
        [] => None,
        [0x00, next, ..] if *next < 0x80 => None,
        [0xff, next, ..] if *next >= 0x80 => None,
        _ => Some(()),
    }
}

fn object_identifier(fields: &mut Reader<'_>) -> Option<()> {
    const MORE: u8 = 0x80;
    let content = fields.expect(OBJECT_IDENTIFIER)?;
    let ended = content.last().is_some_and(|last| last & MORE == 0);
    // A component must not begin with an empty digit.
    let mut begins = true;
    let shortest = content.iter().all(|&byte| {
        let padded = begins && byte == MORE;
        begins = byte & MORE == 0;
        !padded
    });
    (ended && shortest).then_some(())
}

fn time(fields: &mut Reader<'_>) -> Option<()> {
    matches!(fields.element()?, (UTC_TIME | GENERALIZED_TIME, [_, ..])).then_some(())
}

/// The elements that are left of a DER encoding.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The tag and the contents of the next element, whose length is encoded as shortly as can be.
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        const LONG_TAG: u8 = 0x1f;
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match (first, rest) {
            (0..=0x7f, _) => (usize::from(first), rest),
            (0x81, &[low, ref rest @ ..]) if low >= 0x80 => (usize::from(low), rest),
            (0x82, &[high, low, ref rest @ ..]) if high > 0 => {
                (usize::from(u16::from_be_bytes([high, low])), rest)
            }
            // Certificates are smaller.
            _ => return None,
        };
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element()
            .filter(|element| element.0 == tag)
            .map(|element| element.1)
    }

    fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use openssl::{
        asn1::Asn1Time,
        bn::BigNum,
        ec::{EcGroup, EcKey},
        hash::MessageDigest,
        nid::Nid,
        pkey::PKey,
        rsa::Rsa,
        x509::{
            X509, X509Name,
            extension::{BasicConstraints, KeyUsage, SubjectAlternativeName},
        },
    };

    use super::*;

    fn certificate(rsa: bool) -> Vec<u8> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = match rsa {
            true => PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
            false => PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap(),
        };
        let name = |common_name: &str| {
            let mut name = X509Name::builder().unwrap();
            name.append_entry_by_text("C", "DE").unwrap();
            name.append_entry_by_text("O", "Größe").unwrap();
            name.append_entry_by_text("CN", common_name).unwrap();
            name.append_entry_by_text("emailAddress", "x@example")
                .unwrap();
            name.build()
        };
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(0x80_00_00_01).unwrap();
        let serial = serial.to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_issuer_name(&name("issuer")).unwrap();
        builder.set_subject_name(&name("subject")).unwrap();
        builder.set_pubkey(&key).unwrap();
        let (begin, end) = (Asn1Time::from_unix(0), Asn1Time::from_unix(4_000_000_000));
        builder.set_not_before(&begin.unwrap()).unwrap();
        builder.set_not_after(&end.unwrap()).unwrap();
        let constraints = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(constraints).unwrap();
        let usage = KeyUsage::new().key_cert_sign().build().unwrap();
        builder.append_extension(usage).unwrap();
        let context = builder.x509v3_context(None, None);
        let names = SubjectAlternativeName::new()
            .dns("x.example")
            .build(&context);
        builder.append_extension(names.unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap()
    }

    #[test]
    fn names_are_those_that_openssl_finds() {
        for rsa in [true, false] {
            let der = certificate(rsa);
            let parsed = X509::from_der(&der).unwrap();
            let names = names(&der).unwrap();
            assert_eq!(names.issuer, parsed.issuer_name().to_der().unwrap());
            assert_eq!(names.subject, parsed.subject_name().to_der().unwrap());
        }
    }

    /// A certificate that passes here is promised to its database, and must not turn out to be none.
    #[test]
    fn what_passes_is_a_certificate_for_openssl() {
        let good = certificate(false);
        let mut passed = 0;
        for position in 0..good.len() {
            for change in (0..8).map(|bit| 1 << bit).chain([0x7f, 0xff]) {
                let mut der = good.clone();
                der[position] ^= change;
                if let Some(found) = names(&der) {
                    let parsed = X509::from_der(&der);
                    let parsed =
                        parsed.unwrap_or_else(|error| panic!("{position}, {change:#x}: {error}"));
                    assert_eq!(found.subject, parsed.subject_name().to_der().unwrap());
                    assert_eq!(found.issuer, parsed.issuer_name().to_der().unwrap());
                    passed += 1;
                }
            }
        }
        assert!(passed > good.len(), "{passed}");
        for length in 0..good.len() {
            assert_eq!(names(&good[..length]), None);
        }
        assert_eq!(names(&[good.as_slice(), &[0]].concat()), None);
    }
}
