//! A DTLS peer that is OpenSSL and nothing else.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // What breaks here is a test.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
};

use openssl::{
    pkey::{PKey, Private},
    ssl::{
        ErrorCode, ShutdownResult, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions,
        SslRef, SslSession, SslStream, SslVerifyMode,
    },
    x509::X509,
};

/// `SSL_OP_NO_EXTENDED_MASTER_SECRET`, which the crate does not name.
pub const NO_EXTENDED_MASTER_SECRET: SslOptions = SslOptions::from_bits_retain(1);

const MTU: u32 = 1400;

/// Datagrams that wait in both directions.
#[derive(Debug, Default)]
struct Wire {
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.incoming.pop_front();
        let datagram = datagram.ok_or(io::ErrorKind::WouldBlock)?;
        datagram.as_slice().read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outgoing.push(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn context(options: SslOptions) -> SslContextBuilder {
    let mut context = SslContextBuilder::new(SslMethod::dtls()).unwrap();
    context.set_options(SslOptions::NO_QUERY_MTU | options);
    context
}

/// What the servers of one site share: its certificates, leaf first, and its sessions.
pub fn server(chain: &[X509], key: &PKey<Private>, options: SslOptions) -> SslContext {
    let (leaf, issuers) = chain.split_first().unwrap();
    let mut context = context(options);
    context.set_certificate(leaf).unwrap();
    context.set_private_key(key).unwrap();
    for issuer in issuers {
        context.add_extra_chain_cert(issuer.clone()).unwrap();
    }
    context.set_session_id_context(b"raw").unwrap();
    context.build()
}

/// What clients share that trust everybody.
pub fn client(options: SslOptions) -> SslContext {
    let mut context = context(options);
    context.set_verify(SslVerifyMode::NONE);
    context.build()
}

/// One end of an association.
pub struct Raw(SslStream<Wire>);

impl Raw {
    fn new(mut ssl: Ssl) -> Self {
        ssl.set_mtu(MTU).unwrap();
        Self(SslStream::new(ssl, Wire::default()).unwrap())
    }

    pub fn accept(context: &SslContext) -> Self {
        let mut ssl = Ssl::new(context).unwrap();
        ssl.set_accept_state();
        Self::new(ssl)
    }

    /// Offers to resume a session of an earlier association with the same context.
    pub fn connect(context: &SslContext, session: Option<&SslSession>) -> Self {
        let mut ssl = Ssl::new(context).unwrap();
        ssl.set_connect_state();
        if let Some(session) = session {
            // SAFETY: the session belongs to the same context.
            #[allow(unsafe_code)]
            unsafe {
                ssl.set_session(session).unwrap();
            }
        }
        Self::new(ssl)
    }

    pub fn ssl(&self) -> &SslRef {
        self.0.ssl()
    }

    /// Moves the handshake on; whether it is over.
    pub fn handshake(&mut self) -> bool {
        match self.0.do_handshake() {
            Ok(()) => true,
            Err(error) if error.code() == ErrorCode::WANT_READ => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub fn receive(&mut self, datagram: &[u8]) {
        self.0.get_mut().incoming.push_back(datagram.to_vec());
    }

    pub fn take_outgoing(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.get_mut().outgoing)
    }

    pub fn close(&mut self) {
        assert_eq!(self.0.shutdown().unwrap(), ShutdownResult::Sent);
    }

    /// The verify_data of its own Finished.
    pub fn finished(&self) -> Vec<u8> {
        let mut data = vec![0; 64];
        let length = self.ssl().finished(&mut data);
        data.truncate(length);
        data
    }

    /// The verify_data of the other end's Finished.
    pub fn peer_finished(&self) -> Vec<u8> {
        let mut data = vec![0; 64];
        let length = self.ssl().peer_finished(&mut data);
        data.truncate(length);
        data
    }

    /// `tls-exporter`, whether it is unique or not (RFC 9266, section 2).
    pub fn exporter(&self) -> Vec<u8> {
        let mut data = vec![0; 32];
        self.ssl()
            .export_keying_material(&mut data, "EXPORTER-Channel-Binding", Some(&[]))
            .unwrap();
        data
    }
}
