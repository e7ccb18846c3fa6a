//! Verdicts on chains. Most are bad, and no failure makes one good.

use std::path::{Path, PathBuf};

use gio::{TlsCertificateFlags as Flags, prelude::*};
use gio_ossl::{Certificate, Database, Error, FileDatabase};

use crate::cases::{Hunt, Usually};
use crate::drafts::{Draft, List};
use crate::pki::{Issued, Pki};

const HOST: &str = "server.example";
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";

fn pem(certificates: &[&Issued]) -> String {
    certificates.iter().map(|it| it.certificate_pem()).collect()
}

/// What is wrong with the chain is an error.
fn verify(database: &impl IsA<gio::TlsDatabase>, chain: &str, host: &str) -> Result<(), Error> {
    let flags = database.verify_chain(
        &Certificate::from_pem(chain, None)?,
        SERVER,
        Some(&gio::NetworkAddress::new(host, 443)),
        gio::TlsInteraction::NONE,
        gio::TlsDatabaseVerifyFlags::NONE,
        gio::Cancellable::NONE,
    )?;
    judged(flags)
}

fn judged(flags: Flags) -> Result<(), Error> {
    match flags.is_empty() {
        true => Ok(()),
        false => Err(Error::BadCertificate(format!("{flags:?}"))),
    }
}

/// A chain, and what there is to judge it by.
struct Question {
    anchors: PathBuf,
    chain: String,
}

impl Question {
    fn new(
        pki: &Pki,
        name: &str,
        anchors: &[&Issued],
        lists: &[String],
        chain: &[&Issued],
    ) -> Self {
        Question {
            anchors: pki.write(name, [pem(anchors), lists.concat()].concat()),
            chain: pem(chain),
        }
    }

    fn ask(&self) -> Result<(), Error> {
        verify(&FileDatabase::new(&self.anchors)?, &self.chain, HOST)
    }
}

pub fn run(hunt: &mut Hunt) {
    let pki = Pki::new();
    chains(hunt, &pki);
    revocation(hunt, &pki);
    names(hunt, &pki);
    system(hunt, &pki);
}

fn named(name: &str) -> Draft {
    Draft::new("x").set("subjectAltName", &format!("DNS:{name}"))
}

fn chains(hunt: &mut Hunt, pki: &Pki) {
    let root = Draft::authority("Root").self_signed();
    let middle = Draft::authority("Middle").signed_by(&root);
    let good = named(HOST)
        .set("extendedKeyUsage", "serverAuth")
        .signed_by(&middle);
    let trusted = Question::new(pki, "trusted", &[&root], &[], &[&good, &middle]);
    hunt.each("trusted", Usually::Succeeds, &|| trusted.ask());
    let signer = Draft::new("x").set("extendedKeyUsage", "codeSigning");
    let signer = signer.signed_by(&root).certificate_pem();
    let anchor = Certificate::from_pem(&root.certificate_pem(), None).unwrap();
    hunt.each("trusted by one authority", Usually::Succeeds, &|| {
        let chain = Certificate::from_pem(&trusted.chain, None)?;
        judged(chain.verify(Some(&gio::NetworkAddress::new(HOST, 443)), Some(&anchor)))
    });
    hunt.each("trusted for another purpose", Usually::Succeeds, &|| {
        let chain = Certificate::from_pem(&signer, None)?;
        let flags = FileDatabase::new(&trusted.anchors)?.verify_chain(
            &chain,
            CODE_SIGNING,
            gio::SocketConnectable::NONE,
            gio::TlsInteraction::NONE,
            gio::TlsDatabaseVerifyFlags::NONE,
            gio::Cancellable::NONE,
        )?;
        judged(flags)
    });
    bad_chains(hunt, pki, &root, &middle);
}

fn bad_chains(hunt: &mut Hunt, pki: &Pki, root: &Issued, middle: &Issued) {
    let stranger = Draft::authority("Root").self_signed();
    let other = Draft::authority("Middle").signed_by(&stranger);
    let anchor = Certificate::from_pem(&root.certificate_pem(), None).unwrap();
    let bad = [
        ("stranger's", named(HOST).signed_by(&other), &other),
        ("forged", named(HOST).forged_as_from(middle), middle),
        ("expired", named(HOST).expired().signed_by(middle), middle),
        (
            "a client's",
            named(HOST)
                .set("extendedKeyUsage", "clientAuth")
                .signed_by(middle),
            middle,
        ),
        (
            "of another type",
            named(HOST).set("nsCertType", "client").signed_by(middle),
            middle,
        ),
        (
            "for other use",
            named(HOST).set("keyUsage", "cRLSign").signed_by(middle),
            middle,
        ),
        (
            "unreadable",
            named(HOST).set("keyUsage", "DER:05:00").signed_by(middle),
            middle,
        ),
    ];
    for (name, leaf, middle) in &bad {
        let question = Question::new(pki, name, &[root], &[], &[leaf, middle]);
        hunt.each(name, Usually::Refuses, &|| question.ask());
        // Which does not ask what it is for.
        if ["a client's", "of another type", "for other use"].contains(name) {
            continue;
        }
        hunt.each(
            &format!("{name}, by one authority"),
            Usually::Refuses,
            &|| {
                let chain = Certificate::from_pem(&question.chain, None)?;
                judged(chain.verify(Some(&gio::NetworkAddress::new(HOST, 443)), Some(&anchor)))
            },
        );
    }
}

fn revocation(hunt: &mut Hunt, pki: &Pki) {
    let root = Draft::authority("Root").self_signed();
    let middle = Draft::authority("Middle").signed_by(&root);
    let leaf = named(HOST).signed_by(&middle);
    let (good, bad) = (
        List::of(&middle).pem(),
        List::of(&middle).revoking(&leaf).pem(),
    );
    let of_root = List::of(&root).pem();
    let no_middle = List::of(&root).revoking(&middle).pem();
    let question = |name: &str, anchors: &[&Issued], lists: &[&String]| {
        let lists: Vec<String> = lists.iter().map(|list| (*list).clone()).collect();
        Question::new(pki, name, anchors, &lists, &[&leaf, &middle])
    };
    let mut ask = |name: &str, usually, question: Question| {
        hunt.each(name, usually, &|| question.ask());
    };
    let fine = question("not revoked", &[&root], &[&of_root, &good]);
    ask("not revoked", Usually::Succeeds, fine);
    let revoked = question("revoked", &[&root], &[&of_root, &bad]);
    ask("revoked", Usually::Refuses, revoked);
    let revoked = question("authority revoked", &[&root], &[&no_middle, &good]);
    ask("authority revoked", Usually::Refuses, revoked);
    let revoked = question("anchor revoked", &[&root, &middle], &[&no_middle]);
    ask("anchor revoked", Usually::Refuses, revoked);
    namesakes(&mut ask, pki);
}

fn namesakes(ask: &mut impl FnMut(&str, Usually, Question), pki: &Pki) {
    let draft = Draft::authority("Root").anonymous();
    let (one, two) = (draft.clone().self_signed(), draft.self_signed());
    let upper = Draft::authority("Upper").anonymous().signed_by(&one);
    let middle = Draft::authority("Middle").anonymous().signed_by(&upper);
    let leaf = named(HOST).anonymous().signed_by(&middle);
    let silent = List::of(&two).anonymous().days(0, 30).pem();
    let list = List::of(&one).anonymous().revoking(&upper).pem();
    let anchors = [&one, &two, &upper, &middle];
    let lists = [silent, list];
    let question = Question::new(pki, "namesakes", &anchors, &lists, &[&leaf]);
    ask(
        "anchor revoked by one of two namesakes",
        Usually::Refuses,
        question,
    );
    let anchors = [&two, &one, &upper, &middle];
    let question = Question::new(pki, "namesakes", &anchors, &lists, &[&leaf]);
    ask(
        "anchor revoked by the other one",
        Usually::Refuses,
        question,
    );
}

fn names(hunt: &mut Hunt, pki: &Pki) {
    let root = Draft::authority("Root").self_signed();
    let bound = |constraint: &str| {
        let draft = Draft::authority("Bound").set("nameConstraints", constraint);
        draft.signed_by(&root)
    };
    let excluding = bound("excluded;DNS:server.example");
    let permitting = bound("permitted;DNS:other.example");
    let intranet = bound("excluded;DNS:intranet");
    let plain = Draft::authority("Plain").signed_by(&root);
    let bad = [
        ("excluded name", HOST, named(HOST), &excluding),
        (
            "excluded by wildcard",
            HOST,
            named("*.example").set("subjectAltName", "DNS:*.example,DNS:server.example"),
            &permitting,
        ),
        ("name not permitted", HOST, named(HOST), &permitting),
        (
            "excluded name, as a wildcard",
            "b.server.example",
            named("*.server.example"),
            &bound("excluded;DNS:b.server.example"),
        ),
        (
            "excluded common name",
            "intranet",
            Draft::new("intranet"),
            &intranet,
        ),
        ("another's name", HOST, named("other.example"), &plain),
        (
            "common name beside another",
            HOST,
            Draft::new(HOST).set("subjectAltName", "DNS:other.example"),
            &plain,
        ),
        (
            "another's address",
            "192.0.2.1",
            named("x").set("subjectAltName", "IP:192.0.2.2"),
            &plain,
        ),
    ];
    for (name, host, leaf, authority) in bad {
        let leaf = leaf.signed_by(authority);
        let question = Question::new(pki, name, &[&root], &[], &[&leaf, authority]);
        hunt.each(name, Usually::Refuses, &|| {
            verify(
                &FileDatabase::new(&question.anchors)?,
                &question.chain,
                host,
            )
        });
    }
}

/// The system's trust anchors, in a directory with hashes.
fn system(hunt: &mut Hunt, pki: &Pki) {
    let root = Draft::authority("Root").self_signed();
    let good = named(HOST).signed_by(&root);
    let bad = named(HOST).signed_by(&root);
    let stranger = named(HOST).self_signed();
    let hash = root.certificate.subject_name_hash();
    pki.write(&format!("{hash:08x}.0"), root.certificate_pem());
    pki.write(
        &format!("{hash:08x}.r0"),
        List::of(&root).revoking(&bad).pem(),
    );
    // SAFETY: no other thread is at work.
    unsafe {
        std::env::set_var("SSL_CERT_DIR", pki.folder());
        std::env::set_var("SSL_CERT_FILE", Path::new("/nonexistent"));
    }
    let ask = |leaf: &Issued| {
        let chain = leaf.certificate_pem();
        move || verify(&Database::new(), &chain, HOST)
    };
    hunt.each("trusted by the system", Usually::Succeeds, &ask(&good));
    hunt.each("revoked by the system", Usually::Refuses, &ask(&bad));
    hunt.each("unknown to the system", Usually::Refuses, &ask(&stranger));
}
