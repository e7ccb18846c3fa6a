//! Name constraints, where OpenSSL's own check lets names pass that they speak against.

use foreign_types::ForeignTypeRef;
use openssl::{
    nid::Nid,
    x509::{GeneralNameRef, X509, X509Ref},
};
use openssl_sys as ffi;

use crate::ossl::x509::{Unreadable, dns_names, extension, name_bytes};

const NID_NAME_CONSTRAINTS: i32 = 666;

/// `GENERAL_SUBTREE`.
#[repr(C)]
struct Subtree {
    base: *mut ffi::GENERAL_NAME,
    minimum: *mut ffi::ASN1_INTEGER,
    maximum: *mut ffi::ASN1_INTEGER,
}

/// `NAME_CONSTRAINTS`.
#[repr(C)]
struct Subtrees {
    permitted: *mut ffi::OPENSSL_STACK,
    excluded: *mut ffi::OPENSSL_STACK,
}

unsafe extern "C" {
    fn NAME_CONSTRAINTS_free(constraints: *mut Subtrees);
}

/// The DNS names that an authority is constrained to.
struct Bounds {
    permitted: Vec<Vec<u8>>,
    excluded: Vec<Vec<u8>>,
}

/// Whether an authority of the path, leaf first, must not issue for the leaf's host names. OpenSSL
/// compares a wildcard as it is written, although it can stand for an excluded name, and overlooks
/// common names that do not look like DNS names to it. Those matter if the leaf is to have a `host` name.
pub(super) fn are_violated(path: &[X509], host: bool) -> bool {
    let Some((leaf, authorities)) = path.split_first() else {
        return false;
    };
    let bounds: Result<Vec<Bounds>, Unreadable> = authorities
        .iter()
        .filter_map(|one| Bounds::of(one).transpose())
        .collect();
    let bounds = match bounds {
        Ok(bounds) if bounds.is_empty() => return false,
        Ok(bounds) => bounds,
        Err(Unreadable) => return true,
    };
    let Ok(names) = dns_names(leaf) else {
        return true;
    };
    let wildcards = || names.iter().filter_map(|name| name.strip_prefix(b"*."));
    let common_names = || {
        let entries = leaf.subject_name().entries_by_nid(Nid::COMMONNAME);
        let entries = entries.filter(|_| host && names.is_empty());
        entries.filter(|name| is_host_name(name.data().as_slice()))
    };
    bounds.iter().any(|bounds| {
        wildcards().any(|domain| bounds.excludes_child_of(domain))
            || common_names().any(|name| !bounds.allow(name.data().as_slice()))
    })
}

impl Bounds {
    fn of(authority: &X509Ref) -> Result<Option<Self>, Unreadable> {
        let Some(found) = extension(authority, NID_NAME_CONSTRAINTS)? else {
            return Ok(None);
        };
        let found: *mut Subtrees = found.as_ptr().cast();
        // SAFETY: the value of this extension is such a structure, which is released here; its lists are
        // NULL or lists of subtrees.
        unsafe {
            let bounds = Self {
                permitted: bases((*found).permitted),
                excluded: bases((*found).excluded),
            };
            NAME_CONSTRAINTS_free(found);
            Ok(Some(bounds))
        }
    }

    /// Whether a name that is excluded lies directly below the domain.
    fn excludes_child_of(&self, domain: &[u8]) -> bool {
        self.excluded.iter().any(|base| {
            let mut labels = base.splitn(2, |&byte| byte == b'.');
            labels.next().is_some_and(|label| !label.is_empty())
                && labels
                    .next()
                    .is_some_and(|rest| rest.eq_ignore_ascii_case(domain))
        })
    }

    fn allow(&self, name: &[u8]) -> bool {
        let covered_by = |bases: &[Vec<u8>]| bases.iter().any(|base| is_within(name, base));
        !covered_by(&self.excluded) && (self.permitted.is_empty() || covered_by(&self.permitted))
    }
}

/// The DNS names in a list of subtrees.
///
/// # Safety
///
/// The list is NULL, or alive with elements of this type.
unsafe fn bases(subtrees: *const ffi::OPENSSL_STACK) -> Vec<Vec<u8>> {
    // SAFETY: by the caller's guarantee; a NULL list has -1 elements, and each element has a base.
    unsafe {
        (0..ffi::OPENSSL_sk_num(subtrees))
            .filter_map(|index| {
                let subtree = ffi::OPENSSL_sk_value(subtrees, index).cast::<Subtree>();
                name_bytes(GeneralNameRef::from_ptr((*subtree).base), ffi::GEN_DNS)
            })
            .collect()
    }
}

/// Whether the name is this one or below it (RFC 5280, 4.2.1.10), or below alone after a leading dot.
fn is_within(name: &[u8], base: &[u8]) -> bool {
    let Some(split) = name.len().checked_sub(base.len()) else {
        return false;
    };
    let (below, end) = name.split_at(split);
    let borders = below.is_empty() || below.ends_with(b".");
    end.eq_ignore_ascii_case(base) && (borders || base.is_empty() || base.starts_with(b"."))
}

fn is_host_name(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_within_their_own_domain() {
        for (name, base) in [
            ("a.example", "a.example"),
            ("B.A.Example", "a.example"),
            ("b.a.example", ".a.example"),
            ("a", ""),
        ] {
            assert!(is_within(name.as_bytes(), base.as_bytes()), "{name} {base}");
        }
        for (name, base) in [
            ("ba.example", "a.example"),
            ("example", "a.example"),
            ("a.example", ".a.example"),
            ("a.example.org", "a.example"),
        ] {
            assert!(
                !is_within(name.as_bytes(), base.as_bytes()),
                "{name} {base}"
            );
        }
    }
}
