//! SECRET: keys and tokens by the form that their issuer gives them, passwords in addresses and behind names
//! that say what follows, private keys, hashes of passwords.
//!
//! | module | holds |
//! |---|---|
//! | `forms` | what begins like nothing else: `ghp_…`, `AKIA…`, `eyJ…`, `-----BEGIN … PRIVATE KEY-----` |
//! | `named` | what stands behind a name: `password = "…"`, `--token …`, `Authorization: Bearer …` |
//! | `value` | whether a value is one, rather than a stand-in, a reference or a word |
//! | `urls` | `scheme://user:password@host`, `curl --user …` |

mod forms;
mod named;
mod urls;
mod value;

use forms::Forms;
use gateway_core::finding::Finding;
use named::Named;

pub struct Secrets {
    forms: Forms,
    named: Named,
}

impl Secrets {
    pub fn new() -> Secrets {
        Secrets { forms: Forms::new(), named: Named::new() }
    }

    /// Adds what is found in a text.
    pub fn find(&self, text: &str, found: &mut Vec<Finding>) {
        self.forms.find(text, found);
        self.named.find(text, found);
        urls::find(text, found);
    }
}

impl Default for Secrets {
    fn default() -> Secrets {
        Secrets::new()
    }
}

#[cfg(test)]
mod tests;
