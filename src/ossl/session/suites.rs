//! Which cipher suites are offered (RFC 5246, section 7.4.1.2).

use std::collections::HashSet;
use std::ffi::{CString, c_int};
use std::sync::OnceLock;

use foreign_types::ForeignTypeRef;
use openssl::ssl::{SslCipher, SslCipherRef, SslRef};
use openssl::stack::StackRef;

use super::protocol::{Unusable, scratch};
use crate::ossl::context::CIPHERS;
use crate::ossl::sys;

/// The suites of a pre-shared key, those with forward secrecy first, and last those with a short tag
/// (RFC 6655, section 4). ARIA is no default of OpenSSL's either.
const PRE_SHARED_KEYS: &str = "kECDHEPSK:kDHEPSK:kPSK:!ARIA:+AESCCM8";

/// What may stand alone, and then means a list of OpenSSL's own (RFC 6460).
const SUITE_B: [&str; 4] = ["SUITEB128", "SUITEB128C2", "SUITEB128ONLY", "SUITEB192"];

/// Words of ciphers(1), of this release and of earlier ones, that lists are full of although there may
/// be no such suite any more.
const WORDS: &str = "\
    3DES ADH AECDH AES AES128 AES256 AESCCM AESCCM8 AESGCM ALL ARIA ARIA128 ARIA256 ARIAGCM \
    CAMELLIA CAMELLIA128 CAMELLIA256 CBC CHACHA20 COMPLEMENTOFALL COMPLEMENTOFDEFAULT DES DH \
    DHE DSS ECDH ECDHE ECDSA EDH EECDH EXP EXPORT EXPORT40 EXPORT56 FIPS HIGH IDEA KRB5 LOW \
    MD5 MEDIUM NULL PSK RC2 RC4 RSA SEED SHA SHA1 SHA256 SHA384 SRP SSLv2 SSLv3 TLSv1 \
    TLSv1.0 TLSv1.2 aDH aDSS aECDH aNULL eNULL kDH kDHd kDHr kECDH kECDHe kECDHr kRSA";

/// The cipher list of a session whose application wants `choice`, in the syntax of ciphers(1): the
/// suites of it that may be offered, in its order, and its security level. `None` is what the shared
/// context has by itself.
pub fn list(choice: Option<&str>, with_pre_shared_keys: bool) -> Result<Option<CString>, Unusable> {
    static DEFAULT_WITH_KEYS: OnceLock<CString> = OnceLock::new();
    let Some(choice) = choice else {
        if !with_pre_shared_keys {
            return Ok(None);
        }
        if let Some(list) = DEFAULT_WITH_KEYS.get() {
            return Ok(Some(list.clone()));
        }
        let list = compose(&[PRE_SHARED_KEYS, CIPHERS], true)?;
        return Ok(Some(DEFAULT_WITH_KEYS.get_or_init(|| list).clone()));
    };
    check(choice)?;
    if SUITE_B.contains(&choice) {
        return CString::new(choice)
            .map(Some)
            .map_err(|_| Unusable::Nothing);
    }
    // A later word may still ask for what our own default lacks.
    let choice = match choice.strip_prefix("DEFAULT") {
        Some(rest) => format!("DEFAULT:-kRSA:{rest}"),
        None => choice.to_owned(),
    };
    compose(&[&choice], with_pre_shared_keys).map(Some)
}

/// The names of what these lists come to, one after the other, and the last one's security level.
fn compose(lists: &[&str], with_pre_shared_keys: bool) -> Result<CString, Unusable> {
    let mut names = Vec::new();
    let mut level = None;
    for list in lists {
        let mut scratch = scratch()?;
        let usual = scratch.security_level();
        scratch
            .set_cipher_list(list)
            .map_err(|_| Unusable::Nothing)?;
        level = Some(scratch.security_level()).filter(|level| *level != usual);
        names.extend(offered(&scratch, with_pre_shared_keys));
    }
    if names.is_empty() {
        return Err(Unusable::Nothing);
    }
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(*name));
    let mut list = names.join(":");
    if let Some(level) = level {
        list.push_str(&format!(":@SECLEVEL={level}"));
    }
    CString::new(list).map_err(|_| Unusable::Nothing)
}

/// OpenSSL's names of the suites of `ssl` that may be offered.
fn offered(ssl: &SslRef, with_pre_shared_keys: bool) -> Vec<&'static str> {
    // SAFETY: the list belongs to the `SSL`, and is only read while that is borrowed.
    let suites: Option<&StackRef<SslCipher>> = unsafe {
        let suites = sys::SSL_get_ciphers(ssl.as_ptr());
        (!suites.is_null()).then(|| StackRef::from_ptr(suites))
    };
    let suites = suites.into_iter().flatten();
    suites
        .filter(|suite| may_be_offered(suite, with_pre_shared_keys))
        .map(SslCipherRef::name)
        .collect()
}

/// Whether a suite authenticates its peer, by a certificate or a key but not by both, and its records.
/// Those of version 1.3 are no matter of this list.
fn may_be_offered(suite: &SslCipherRef, with_pre_shared_keys: bool) -> bool {
    // SAFETY: suites are static.
    let (aead, authentication, exchange): (_, c_int, c_int) = unsafe {
        let suite = suite.as_ptr();
        (
            sys::SSL_CIPHER_is_aead(suite) == 1,
            sys::SSL_CIPHER_get_auth_nid(suite),
            sys::SSL_CIPHER_get_kx_nid(suite),
        )
    };
    let of_keys = authentication == sys::NID_AUTH_PSK;
    aead && authentication != sys::NID_AUTH_NULL
        && exchange != sys::NID_KX_RSA_PSK
        && exchange != sys::NID_KX_ANY
        && (with_pre_shared_keys || !of_keys)
}

/// OpenSSL ignores what it does not know, as long as something is left.
fn check(list: &str) -> Result<(), Unusable> {
    if SUITE_B.contains(&list) {
        return Ok(());
    }
    let mut scratch = scratch()?;
    // It stands for a list of its own, in the first place only.
    let mut rest = list.strip_prefix("DEFAULT").unwrap_or(list);
    if rest.starts_with(is_word) {
        rest = list;
    }
    while let Some(token) = next_token(&mut rest) {
        if !is_known(&mut scratch, token) {
            return Err(Unusable::Unknown(token.to_owned()));
        }
    }
    Ok(())
}

/// Takes the next token off `rest`, cut as OpenSSL does it: a new one begins at a separator, and at
/// whatever cannot go on.
fn next_token<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let is_separator = |letter| matches!(letter, ':' | ' ' | ';' | ',');
    *rest = rest.trim_start_matches(is_separator);
    let mut letters = rest.char_indices();
    let (_, first) = letters.next()?;
    let ends: &dyn Fn(char) -> bool = match first {
        '@' => &is_separator,
        _ => &|letter| !is_word(letter) && letter != '+',
    };
    let end = letters.find(|(_, letter)| ends(*letter));
    let (token, others) = rest.split_at(end.map_or(rest.len(), |(place, _)| place));
    *rest = others;
    Some(token)
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '=' | '_')
}

fn is_known(scratch: &mut SslRef, token: &str) -> bool {
    if let Some(command) = token.strip_prefix('@') {
        return match command.strip_prefix("SECLEVEL=") {
            Some(level) => matches!(level, "0" | "1" | "2" | "3" | "4" | "5"),
            None => command == "STRENGTH",
        };
    }
    let words = token.strip_prefix(['!', '-', '+']).unwrap_or(token);
    words.split('+').all(|word| {
        // Whatever begins like these, OpenSSL takes for them.
        let is_list = word.starts_with("DEFAULT") || word.starts_with("SUITEB");
        !is_list && (WORDS.split(' ').any(|known| known == word) || is_known_word(scratch, word))
    })
}

fn is_known_word(scratch: &mut SslRef, word: &str) -> bool {
    !word.is_empty() && word.chars().all(is_word) && scratch.set_cipher_list(word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(choice: Option<&str>, with_pre_shared_keys: bool) -> String {
        let list = list(choice, with_pre_shared_keys).unwrap().unwrap();
        list.into_string().unwrap()
    }

    fn refused(choice: &str) -> Unusable {
        list(Some(choice), true).unwrap_err()
    }

    #[test]
    fn nothing_chosen_is_the_shared_default() {
        assert_eq!(list(None, false), Ok(None));
    }

    #[test]
    fn pre_shared_keys_come_before_the_default_and_short_tags_last_among_them() {
        let list = listed(None, true);
        let names: Vec<_> = list.split(':').collect();
        let with_keys = names
            .iter()
            .take_while(|name| name.contains("PSK-"))
            .count();
        assert!(
            names
                .iter()
                .skip(with_keys)
                .all(|name| !name.contains("PSK")),
            "{list}"
        );
        for name in [
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-RSA-CHACHA20-POLY1305",
        ] {
            assert!(names[with_keys..].contains(&name), "{list}");
        }
        assert_eq!(names[0], "ECDHE-PSK-CHACHA20-POLY1305");
        let place = |name| names.iter().position(|it| *it == name).expect(name);
        for (earlier, later) in [
            ("DHE-PSK-AES128-CCM", "PSK-AES256-GCM-SHA384"),
            ("PSK-AES256-GCM-SHA384", "PSK-AES128-GCM-SHA256"),
            ("PSK-CHACHA20-POLY1305", "PSK-AES128-CCM"),
            ("PSK-AES128-CCM", "DHE-PSK-AES128-CCM8"),
            ("DHE-PSK-AES256-CCM8", "PSK-AES128-CCM8"),
        ] {
            assert!(place(earlier) < place(later), "{earlier} {later}");
        }
        let other = names
            .iter()
            .find(|name| name.contains("RSA-PSK") || name.contains("CBC"));
        assert_eq!(other, None);
    }

    #[test]
    fn suites_of_pre_shared_keys_are_left_out_without_one() {
        let choice = "PSK-AES128-CCM8:ECDHE-ECDSA-AES128-CCM8";
        assert_eq!(listed(Some(choice), false), "ECDHE-ECDSA-AES128-CCM8");
        assert_eq!(listed(Some(choice), true), choice);
        assert_eq!(list(Some("PSK-AES128-CCM8"), false), Err(Unusable::Nothing));
    }

    #[test]
    fn only_what_authenticates_is_left_of_a_list_in_its_order() {
        for (choice, left) in [
            (
                "AES128-SHA:AES256-GCM-SHA384, AES128-GCM-SHA256",
                "AES256-GCM-SHA384:AES128-GCM-SHA256",
            ),
            (
                "ADH-AES128-GCM-SHA256;AES128-GCM-SHA256 NULL-SHA",
                "AES128-GCM-SHA256",
            ),
            ("RSA-PSK-AES128-GCM-SHA256:AES128-CCM8", "AES128-CCM8"),
            ("kRSA+AESGCM:!AES256", "AES128-GCM-SHA256"),
            ("kRSA+AES128+AESGCM!MD5!RC4", "AES128-GCM-SHA256"),
            (
                "AES128-GCM-SHA256@SECLEVEL=0",
                "AES128-GCM-SHA256:@SECLEVEL=0",
            ),
            ("SUITEB128", "SUITEB128"),
        ] {
            assert_eq!(listed(Some(choice), false), left);
        }
        let usual = listed(Some("DEFAULT"), false);
        assert!(!usual.contains("SECLEVEL"), "{usual}");
        assert_eq!(
            listed(Some("DEFAULT@SECLEVEL=3"), false),
            format!("{usual}:@SECLEVEL=3")
        );
        assert_eq!(listed(Some("DEFAULT:!kRSA"), false), usual);
        assert_eq!(
            listed(Some("DEFAULT:kRSA+AESGCM"), false),
            format!("{usual}:AES256-GCM-SHA384:AES128-GCM-SHA256")
        );
    }

    #[test]
    fn what_leaves_nothing_is_refused() {
        for choice in [
            "",
            ":",
            "RC4",
            "AES128-SHA",
            "ADH",
            "eNULL",
            "!ALL",
            "RSA-PSK-AES128-GCM-SHA256",
        ] {
            assert_eq!(refused(choice), Unusable::Nothing, "{choice}");
        }
    }

    #[test]
    fn every_unknown_part_is_named() {
        for (choice, token) in [
            ("AES128-GCM-SHA256:NONSENSE", "NONSENSE"),
            ("NONSENSE:AES128-GCM-SHA256", "NONSENSE"),
            ("HIGH:!aNUL", "!aNUL"),
            ("HIGH:AES128+NONSENSE", "AES128+NONSENSE"),
            ("HIGH:AES128+", "AES128+"),
            ("HIGH:DEFAULT", "DEFAULT"),
            ("DEFAULTS", "DEFAULTS"),
            ("SUITEB128:HIGH", "SUITEB128"),
            ("HIGH:@SECLEVEL=9", "@SECLEVEL=9"),
            ("HIGH:@SECLEVEL", "@SECLEVEL"),
            ("HIGH:%", "%"),
            ("HIGH:é", "é"),
            ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            ("HIGH:!", "!"),
        ] {
            assert_eq!(refused(choice), Unusable::Unknown(token.into()), "{choice}");
        }
    }
}
