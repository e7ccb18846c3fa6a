//! A database that answers what it is told to, and notes what it was asked.

use std::sync::Mutex;

use gio::{prelude::*, subclass::prelude::*};
use gio_ossl::subclass::{impl_tls_database, tls_database::TlsDatabaseImpl};

glib::wrapper! {
    pub struct Oracle(ObjectSubclass<imp::Oracle>) @extends gio::TlsDatabase;
}

type Answer = Result<gio::TlsCertificateFlags, gio::IOErrorEnum>;

/// The arguments of one `verify_chain()`.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    pub purpose: String,
    pub host: Option<String>,
    pub subjects: Vec<String>,
    pub has_interaction: bool,
    pub has_cancellable: bool,
}

impl Oracle {
    pub fn new(answer: Answer) -> Self {
        let oracle: Self = glib::Object::new();
        *oracle.imp().answer.lock().unwrap() = Some(answer);
        oracle
    }

    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.imp().asked.lock().unwrap())
    }
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Oracle {
        pub answer: Mutex<Option<Answer>>,
        pub asked: Mutex<Vec<Asked>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Oracle {
        const NAME: &'static str = "TestOracle";
        type Type = super::Oracle;
        type ParentType = gio::TlsDatabase;
    }

    impl ObjectImpl for Oracle {}

    impl TlsDatabaseImpl for Oracle {
        fn verify_chain(
            &self,
            chain: &gio::TlsCertificate,
            purpose: &str,
            identity: Option<&gio::SocketConnectable>,
            interaction: Option<&gio::TlsInteraction>,
            flags: gio::TlsDatabaseVerifyFlags,
            cancellable: Option<&gio::Cancellable>,
        ) -> Result<gio::TlsCertificateFlags, glib::Error> {
            assert_eq!(flags, gio::TlsDatabaseVerifyFlags::NONE);
            let address = identity.and_then(|it| it.downcast_ref::<gio::NetworkAddress>());
            let links = std::iter::successors(Some(chain.clone()), |link| link.issuer());
            self.asked.lock().unwrap().push(Asked {
                purpose: purpose.into(),
                host: address.map(|address| address.hostname().into()),
                subjects: links.map(|it| it.subject_name().unwrap().into()).collect(),
                has_interaction: interaction.is_some(),
                has_cancellable: cancellable.is_some(),
            });
            let answer = self.answer.lock().unwrap().unwrap();
            answer.map_err(|code| glib::Error::new(code, "the oracle does not know"))
        }

        fn create_certificate_handle(
            &self,
            _certificate: &gio::TlsCertificate,
        ) -> Option<glib::GString> {
            None
        }

        fn lookup_certificate_for_handle(
            &self,
            _handle: &str,
            _interaction: Option<&gio::TlsInteraction>,
            _flags: gio::TlsDatabaseLookupFlags,
            _cancellable: Option<&gio::Cancellable>,
        ) -> Result<Option<gio::TlsCertificate>, glib::Error> {
            Ok(None)
        }

        fn lookup_certificate_issuer(
            &self,
            _certificate: &gio::TlsCertificate,
            _interaction: Option<&gio::TlsInteraction>,
            _flags: gio::TlsDatabaseLookupFlags,
            _cancellable: Option<&gio::Cancellable>,
        ) -> Result<Option<gio::TlsCertificate>, glib::Error> {
            Ok(None)
        }

        fn lookup_certificates_issued_by(
            &self,
            _issuer: &[u8],
            _interaction: Option<&gio::TlsInteraction>,
            _flags: gio::TlsDatabaseLookupFlags,
            _cancellable: Option<&gio::Cancellable>,
        ) -> Result<Vec<gio::TlsCertificate>, glib::Error> {
            Ok(Vec::new())
        }
    }

    impl_tls_database!(Oracle);
}
