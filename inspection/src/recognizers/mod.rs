//! One file per kind of thing that is found: its form, its proof, its words of context.

pub(crate) mod bank;
pub(crate) mod birth;
pub(crate) mod card;
pub(crate) mod crypto;
pub(crate) mod email;
pub(crate) mod iban;
pub(crate) mod ip;
pub(crate) mod mac;
pub(crate) mod national;
pub(crate) mod numbers;
pub(crate) mod passport;
pub(crate) mod phone;
pub(crate) mod secrets;
pub(crate) mod spelled;
pub(crate) mod ssn;

use crate::context::Words;
use crate::engine::triggers::{Triggers, Word};
use birth::Births;
use national::Nationals;
use secrets::Secrets;
use spelled::Spelled;

/// Everything that recognizers build once.
pub(crate) struct Recognizers {
    pub secrets: Secrets,
    pub triggers: Triggers<Begins>,
    pub nationals: Nationals,
    pub spelled: Spelled,
    pub birth: Births,
    pub card_words: Words,
    pub ssn_words: Words,
    pub phone_words: Words,
    pub bank_words: Words,
    pub passport_words: Words,
    /// What stands near numbers that are no one's.
    pub other_words: Words,
}

impl Recognizers {
    pub(crate) fn new() -> Recognizers {
        Recognizers {
            secrets: Secrets::new(),
            triggers: Triggers::new(words()),
            nationals: Nationals::new(),
            spelled: Spelled::new(),
            birth: Births::new(),
            card_words: Words::new(card::WORDS),
            ssn_words: Words::new(ssn::WORDS),
            phone_words: Words::new(phone::WORDS),
            bank_words: Words::new(bank::WORDS),
            passport_words: Words::new(passport::WORDS),
            other_words: Words::new(phone::OTHERS),
        }
    }
}

/// What a word may begin.
#[derive(Clone, Copy)]
pub(crate) enum Begins {
    Spelled,
    Birth,
}

/// All words that begin something.
fn words() -> Vec<Word<Begins>> {
    let spelled = spelled::MARKS.map(|text| Word { text, exact: false, begins: Begins::Spelled });
    let births = birth::WORDS.map(|text| Word { text, exact: false, begins: Begins::Birth });
    spelled.into_iter().chain(births).collect()
}
