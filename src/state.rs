//! What the gateway keeps for itself in its state directory.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes of the key that is made where none is configured.
const KEY_BYTES: usize = 32;

/// Why there is no key for hashes.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key of hashes cannot be kept in {} ({source}): make GATEWAY_STATE_DIR writable, or set PII_HASH_KEY",
    path.display()
)]
pub struct HashKeyError {
    path: PathBuf,
    source: io::Error,
}

/// The key of hashes, made once: equal values hash alike after a restart.
pub fn hash_key(directory: &Path) -> Result<Vec<u8>, HashKeyError> {
    let path = directory.join("pii-hash.key");
    let failed = |source| HashKeyError { path: path.clone(), source };
    match fs::read(&path) {
        Ok(key) if key.len() == KEY_BYTES => return Ok(key),
        Ok(_) => return Err(failed(io::Error::other("it is not 32 bytes long"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    make(directory, &path).map_err(failed)
}

/// Written aside and put in place whole, so that a crash leaves no half of one. Of two processes that make one
/// at once, the first wins.
fn make(directory: &Path, path: &Path) -> io::Result<Vec<u8>> {
    fs::create_dir_all(directory)?;
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let aside = directory.join(format!("pii-hash.key.{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let placed = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match placed {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept() {
        let directory = std::env::temp_dir().join(format!("gateway-state-{}", std::process::id()));
        let made = hash_key(&directory).expect("a temporary directory is writable");
        assert_eq!(hash_key(&directory).expect("it is there now"), made);
        assert_eq!(made.len(), KEY_BYTES);
        fs::write(directory.join("pii-hash.key"), "short").expect("it is writable");
        let error = hash_key(&directory).expect_err("a key of another length is none").to_string();
        assert!(error.contains("GATEWAY_STATE_DIR"), "{error}");
        fs::remove_dir_all(&directory).expect("it was made here");
    }
}
