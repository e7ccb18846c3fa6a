//! A throw-away public key infrastructure.
//!
//! ```ignore
//! let pki = Pki::new();
//! let leaf = pki.issue(Leaf::new("server.example").ip("127.0.0.1").expired());
//! ```

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{
        X509, X509Builder, X509Name,
        extension::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage,
            SubjectAlternativeName, SubjectKeyIdentifier,
        },
    },
};

const DAY: i64 = 24 * 60 * 60;

/// A certificate and its key.
#[derive(Clone)]
pub struct Issued {
    pub certificate: X509,
    pub key: PKey<Private>,
}

impl Issued {
    pub fn certificate_pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    pub fn key_pem(&self) -> String {
        String::from_utf8(self.key.private_key_to_pem_pkcs8().unwrap()).unwrap()
    }
}

/// A root, an intermediate below it, and a folder that is removed with them.
pub struct Pki {
    pub root: Issued,
    pub intermediate: Issued,
    folder: PathBuf,
}

impl Pki {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gio-ossl-pki-{}-{count}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let root = Leaf::new("Test Root").authority().self_signed();
        let intermediate = Leaf::new("Test Intermediate").authority().signed_by(&root);
        Self {
            root,
            intermediate,
            folder,
        }
    }

    /// A certificate signed by the root.
    pub fn issue(&self, leaf: Leaf) -> Issued {
        leaf.signed_by(&self.root)
    }

    /// A certificate signed by the intermediate.
    pub fn issue_below_intermediate(&self, leaf: Leaf) -> Issued {
        leaf.signed_by(&self.intermediate)
    }

    /// A file in the folder, gone with this object.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// A file with the root's certificate.
    pub fn root_file(&self) -> PathBuf {
        self.write("root.pem", self.root.certificate_pem())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A certificate to be: ECDSA P-256, valid from yesterday for a year, without extended key usage.
pub struct Leaf {
    subject: X509Name,
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
    usages: Vec<String>,
    begin: i64,
    end: i64,
    authority: bool,
    rsa_bits: Option<u32>,
}

impl Leaf {
    /// For this common name.
    pub fn new(name: &str) -> Self {
        Self::with_subject(&[("CN", name)])
    }

    /// For a subject of several attributes, in order.
    pub fn with_subject(attributes: &[(&str, &str)]) -> Self {
        let mut subject = X509Name::builder().unwrap();
        for (attribute, value) in attributes {
            subject.append_entry_by_text(attribute, value).unwrap();
        }
        Self {
            subject: subject.build(),
            dns: Vec::new(),
            addresses: Vec::new(),
            usages: Vec::new(),
            begin: -DAY,
            end: 365 * DAY,
            authority: false,
            rsa_bits: None,
        }
    }

    pub fn dns(mut self, name: &str) -> Self {
        self.dns.push(name.into());
        self
    }

    pub fn ip(mut self, address: &str) -> Self {
        self.addresses.push(address.parse().unwrap());
        self
    }

    /// An extended key usage: OpenSSL's short name or an OID.
    pub fn usage(mut self, usage: &str) -> Self {
        self.usages.push(usage.into());
        self
    }

    pub fn expired(mut self) -> Self {
        (self.begin, self.end) = (-10 * DAY, -DAY);
        self
    }

    pub fn not_yet_valid(mut self) -> Self {
        (self.begin, self.end) = (DAY, 10 * DAY);
        self
    }

    pub fn authority(mut self) -> Self {
        self.authority = true;
        self
    }

    pub fn rsa(mut self, bits: u32) -> Self {
        self.rsa_bits = Some(bits);
        self
    }

    pub fn self_signed(self) -> Issued {
        self.build(None)
    }

    pub fn signed_by(self, issuer: &Issued) -> Issued {
        self.build(Some(issuer))
    }

    fn build(self, issuer: Option<&Issued>) -> Issued {
        let key = self.key();
        let mut builder = X509Builder::new().unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();
        let serial = serial.to_asn1_integer().unwrap();
        let now = glib::real_time() / 1_000_000;
        builder.set_version(2).unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&self.subject).unwrap();
        let issuer_name = issuer.map_or(&*self.subject, |issuer| issuer.certificate.subject_name());
        builder.set_issuer_name(issuer_name).unwrap();
        builder.set_pubkey(&key).unwrap();
        let (begin, end) = (now + self.begin, now + self.end);
        builder
            .set_not_before(&Asn1Time::from_unix(begin).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::from_unix(end).unwrap())
            .unwrap();
        self.extend(&mut builder, issuer);
        let signer = issuer.map_or(&key, |issuer| &issuer.key);
        builder.sign(signer, MessageDigest::sha256()).unwrap();
        Issued {
            certificate: builder.build(),
            key,
        }
    }

    fn key(&self) -> PKey<Private> {
        match self.rsa_bits {
            Some(bits) => PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(),
            None => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
                PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
            }
        }
    }

    fn extend(&self, builder: &mut X509Builder, issuer: Option<&Issued>) {
        let issuer_certificate = issuer.map(|issuer| &*issuer.certificate);
        let mut extensions = Vec::new();
        if self.authority {
            extensions.push(BasicConstraints::new().critical().ca().build().unwrap());
            let usage = KeyUsage::new()
                .critical()
                .key_cert_sign()
                .crl_sign()
                .build();
            extensions.push(usage.unwrap());
        } else {
            extensions.push(BasicConstraints::new().build().unwrap());
        }
        let context = builder.x509v3_context(issuer_certificate, None);
        extensions.push(SubjectKeyIdentifier::new().build(&context).unwrap());
        if issuer.is_some() {
            let identifier = AuthorityKeyIdentifier::new().keyid(true).build(&context);
            extensions.push(identifier.unwrap());
        }
        if !self.dns.is_empty() || !self.addresses.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in &self.dns {
                names.dns(name);
            }
            for address in &self.addresses {
                names.ip(&address.to_string());
            }
            extensions.push(names.build(&context).unwrap());
        }
        if !self.usages.is_empty() {
            let mut usages = ExtendedKeyUsage::new();
            for usage in &self.usages {
                usages.other(usage);
            }
            extensions.push(usages.build().unwrap());
        }
        for extension in extensions {
            builder.append_extension(extension).unwrap();
        }
    }
}
