//! What the inspection of a text finds: which kind of thing stands where.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;

/// What a piece of text was recognised as, by the name that the field knows (Microsoft Presidio's names of
/// entities, where it has one). Names are `[A-Z][A-Z0-9_]*`, since they stand in placeholders.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(&'static str);

macro_rules! kinds {
    ($($name:ident,)*) => {
        impl Kind {
            $(pub const $name: Kind = Kind(stringify!($name));)*

            /// All kinds that are built in, in alphabetical order.
            pub const BUILT_IN: &[Kind] = &[$(Kind::$name,)*];
        }
    };
}

kinds! {
    ABA_ROUTING_NUMBER,
    AU_ABN,
    AU_ACN,
    AU_MEDICARE,
    AU_TFN,
    BR_CNPJ,
    BR_CPF,
    CA_SIN,
    CREDIT_CARD,
    CRYPTO,
    DATE_OF_BIRTH,
    DE_BSNR,
    DE_HEALTH_INSURANCE,
    DE_ID_CARD,
    DE_LANR,
    DE_PASSPORT,
    DE_SOCIAL_SECURITY,
    DE_TAX_ID,
    EMAIL_ADDRESS,
    ES_NIE,
    ES_NIF,
    ES_PASSPORT,
    FI_PERSONAL_IDENTITY_CODE,
    FR_NIR,
    IBAN_CODE,
    IN_AADHAAR,
    IN_GSTIN,
    IN_PAN,
    IN_PASSPORT,
    IN_VEHICLE_REGISTRATION,
    IN_VOTER,
    IP_ADDRESS,
    IT_DRIVER_LICENSE,
    IT_FISCAL_CODE,
    IT_IDENTITY_CARD,
    IT_PASSPORT,
    IT_VAT_CODE,
    KR_BRN,
    KR_DRIVER_LICENSE,
    KR_FRN,
    KR_PASSPORT,
    KR_RRN,
    LOCATION,
    MAC_ADDRESS,
    NG_VEHICLE_REGISTRATION,
    NL_BSN,
    ORGANIZATION,
    PERSON,
    PHONE_NUMBER,
    PH_MOBILE_NUMBER,
    PH_TIN,
    PL_PESEL,
    SECRET,
    SE_ORGANISATIONSNUMMER,
    SE_PERSONNUMMER,
    SG_NRIC_FIN,
    SG_UEN,
    TEXT,
    TH_TNIN,
    TR_LICENSE_PLATE,
    TR_NATIONAL_ID,
    TR_PHONE_NUMBER,
    UK_DRIVING_LICENCE,
    UK_NHS,
    UK_NINO,
    UK_PASSPORT,
    UK_VEHICLE_REGISTRATION,
    US_BANK_NUMBER,
    US_DRIVER_LICENSE,
    US_ITIN,
    US_MBI,
    US_NPI,
    US_PASSPORT,
    US_SSN,
    ZA_ID_NUMBER,
}

/// Names that a configuration or an engine brought. They live as long as the process, so their number is bounded.
static BROUGHT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

impl Kind {
    /// How many names beside the built-in ones a process can learn.
    pub const MOST_BROUGHT: usize = 1_000;
    /// Bytes of the longest name.
    pub const LONGEST: usize = 40;

    /// The kind of this name, built in or brought before.
    pub fn named(name: &str) -> Option<Kind> {
        if let Ok(at) = Kind::BUILT_IN.binary_search_by(|kind| kind.0.cmp(name)) {
            return Some(Kind::BUILT_IN[at]);
        }
        brought().get(name).map(|name| Kind(name))
    }

    /// The kind of this name, learnt if it is new. `None` where it is not `[A-Z][A-Z0-9_]{0,39}` without a
    /// closing `_` or digit (a placeholder's number follows it), or where too many were learnt already.
    pub fn learn(name: &str) -> Option<Kind> {
        if let Some(known) = Kind::named(name) {
            return Some(known);
        }
        let bytes = name.as_bytes();
        let fits = bytes.len() <= Kind::LONGEST
            && bytes.first().is_some_and(u8::is_ascii_uppercase)
            && bytes.last().is_some_and(u8::is_ascii_uppercase)
            && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
        let mut brought = brought();
        if !fits || brought.len() >= Kind::MOST_BROUGHT {
            return None;
        }
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        brought.insert(name);
        Some(Kind(name))
    }

    pub fn name(self) -> &'static str {
        self.0
    }
}

fn brought() -> std::sync::MutexGuard<'static, BTreeSet<&'static str>> {
    // A set of names is whole whatever panicked beside it.
    BROUGHT.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One find: bytes `start..end` of the text that was searched, both at character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// Per cent of certainty, 1 to 100.
    pub score: u8,
}

impl Finding {
    pub fn new(kind: Kind, span: std::ops::Range<usize>, score: u8) -> Finding {
        Finding { kind, start: span.start, end: span.end, score }
    }

    pub fn span(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }
}

/// What is done with a find. Ordered: a value that was found as several kinds takes the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It goes out as it is.
    Allow,
    /// A placeholder goes out, and the value comes back in the answer.
    #[default]
    Redact,
    /// A keyed hash goes out, and stays.
    Hash,
    /// Asterisks go out, with at most the last four characters.
    Mask,
    /// The request is refused.
    Block,
}

impl Action {
    pub const ALL: [Action; 5] = [Action::Allow, Action::Redact, Action::Hash, Action::Mask, Action::Block];

    pub fn word(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Redact => "redact",
            Action::Hash => "hash",
            Action::Mask => "mask",
            Action::Block => "block",
        }
    }
}

/// What is told of an inspection: counts, never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Places that were replaced, by kind.
    pub by_type: BTreeMap<Kind, u32>,
    /// The strictest that was done; none where nothing was found.
    pub action: Option<Action>,
    /// Files that went out unsearched: the word of their kind, and how many.
    pub unscanned: BTreeMap<&'static str, u32>,
    /// Values that were kept out of addresses in the answer.
    pub withheld: u32,
    /// Values in the answer that did not come from the caller, and were masked.
    pub answer_masked: u32,
}

impl Summary {
    pub fn total(&self) -> u32 {
        self.by_type.values().sum()
    }

    /// Takes in what was found in another part of the same request.
    pub fn join(&mut self, other: Summary) {
        for (kind, count) in other.by_type {
            *self.by_type.entry(kind).or_default() += count;
        }
        for (word, count) in other.unscanned {
            *self.unscanned.entry(word).or_default() += count;
        }
        self.action = self.action.max(other.action);
        self.withheld += other.withheld;
        self.answer_masked += other.answer_masked;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_names_are_sorted_and_all_found_again() {
        assert!(Kind::BUILT_IN.is_sorted_by(|a, b| a.0 < b.0), "{:?}", Kind::BUILT_IN);
        for kind in Kind::BUILT_IN {
            assert_eq!(Kind::named(kind.name()), Some(*kind));
        }
    }

    #[test]
    fn the_strictest_action_is_the_greatest() {
        assert!(Action::ALL.is_sorted());
        assert_eq!(Action::ALL.last(), Some(&Action::Block));
    }

    #[test]
    fn a_name_is_learnt_once_and_only_where_it_fits_a_placeholder() {
        for (name, fits) in [
            ("EMPLOYEE_ID", true),
            ("X", true),
            ("employee_id", false),
            ("EMPLOYEE-ID", false),
            ("EMPLOYEE_1", false),
            ("_ID", false),
            ("", false),
            ("A_NAME_THAT_IS_LONGER_THAN_FORTY_CHARACTERS", false),
        ] {
            let learnt = Kind::learn(name);
            assert_eq!(learnt.is_some(), fits, "{name}");
            assert_eq!(learnt, Kind::named(name), "{name}");
        }
    }
}
