//! The secrets that let a capture be read.

use zeroize::Zeroizing;

use super::Engine;

impl Engine {
    /// Takes the lines for a key log that were not taken yet; there are none unless
    /// [`Config::keylog`](super::Config) asks for them.
    #[must_use]
    pub fn take_keylog(&mut self) -> Vec<Zeroizing<String>> {
        self.session.take_keylog()
    }
}
