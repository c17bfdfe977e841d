//! Words near an identifier that say what it is, in the languages of the countries that issue it.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use std::ops::Range;

/// A set of things that words speak of.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Topics(u64);

impl Topics {
    pub const NONE: Topics = Topics(0);

    pub const fn or(self, other: Topics) -> Topics {
        Topics(self.0 | other.0)
    }

    pub fn meets(self, other: Topics) -> bool {
        self.0 & other.0 != 0
    }
}

macro_rules! topics {
    ($($name:ident = $bit:literal: [$($word:literal),* $(,)?],)*) => {
        impl Topics {
            $(pub const $name: Topics = Topics(1 << $bit);)*
        }
        const WORDS: &[(&str, Topics)] = &[$($(($word, Topics::$name),)*)*];
    };
}

topics! {
    PASSPORT = 0: ["passport", "passports", "passport no", "travel document"],
    PASSPORT_DE = 1: ["reisepass", "reisepassnummer", "pass-nr", "passnummer", "pass nr", "ausweis"],
    PASSPORT_ES = 2: ["pasaporte", "número de pasaporte"],
    PASSPORT_IT = 3: ["passaporto", "numero di passaporto"],
    PASSPORT_KR = 4: ["여권", "여권번호", "korean passport", "korea", "대한민국"],
    DRIVER = 5: [
        "driver's license", "drivers license", "driver license", "driver’s license", "driver's licence",
        "drivers licence", "driver licence", "driving license", "driving licence", "driver's permit", "dl", "dln",
        "license number", "licence number", "drivers lic",
    ],
    DRIVER_IT = 6: ["patente", "patente di guida"],
    DRIVER_KR = 7: ["운전면허", "면허번호", "운전면허번호", "korean driver"],
    IDENTITY = 8: ["national id", "national identity", "id number", "identity number", "identification number", "id card", "identity card"],
    TAX = 9: ["tax id", "tax identification", "tax number", "taxpayer", "tin"],
    PLATE = 10: [
        "plate", "plates", "license plate", "licence plate", "number plate", "registration", "reg", "vehicle",
        "vehicles", "car", "vrm", "vrn", "registration number",
    ],
    ROUTING = 11: ["routing", "aba", "routing number", "rtn", "transit number", "ach"],
    NPI = 12: ["npi", "national provider", "provider identifier", "provider id", "provider number"],
    MBI = 13: ["medicare", "mbi", "beneficiary"],
    ITIN = 14: ["itin", "individual taxpayer"],
    SIN = 15: ["sin", "social insurance", "social insurance number", "nas", "assurance sociale"],
    CPF = 16: ["cpf", "cadastro de pessoas"],
    CNPJ = 17: ["cnpj"],
    NHS = 18: ["nhs", "nhs number", "national health"],
    NINO = 19: ["nino", "national insurance", "ni number"],
    AUSWEIS = 20: ["personalausweis", "ausweisnummer", "ausweis", "ausweis-nr", "personalausweisnummer", "identity card", "id card"],
    STEUER = 21: ["steuer-id", "steueridentifikationsnummer", "steuernummer", "idnr", "steuer-identifikationsnummer", "steuerliche identifikationsnummer", "german tax"],
    RENTE = 22: ["sozialversicherungsnummer", "rentenversicherungsnummer", "sv-nummer", "svnr", "versicherungsnummer", "rvnr"],
    KRANKEN = 23: ["krankenversichertennummer", "kvnr", "krankenkasse", "versichertennummer", "krankenversicherung", "egk"],
    LANR = 24: ["lanr", "arztnummer", "lebenslange arztnummer"],
    BSNR = 25: ["bsnr", "betriebsstättennummer", "betriebsstätte"],
    NIF = 26: ["nif", "dni", "documento nacional", "d.n.i"],
    NIE = 27: ["nie", "número de extranjero", "extranjero", "numero de extranjero"],
    HETU = 28: ["hetu", "henkilötunnus", "personbeteckning", "finnish", "henkilotunnus"],
    NIR = 29: ["nir", "sécurité sociale", "securite sociale", "insee", "numéro de sécu", "carte vitale"],
    FISCALE = 30: ["codice fiscale", "fiscal code", "c.f", "cf"],
    IVA = 31: ["partita iva", "p. iva", "p.iva", "piva", "vat"],
    CARTA = 32: ["carta d'identità", "carta di identità", "carta identità", "carta d'identita", "cie"],
    BSN = 33: ["bsn", "burgerservicenummer", "sofinummer", "sofi"],
    PESEL = 34: ["pesel", "polish"],
    PERSONNUMMER = 35: ["personnummer", "pnr", "samordningsnummer", "person nr", "swedish id", "swedish"],
    ORGNUMMER = 36: ["organisationsnummer", "orgnummer", "org.nr", "org nr", "orgnr"],
    AADHAAR = 37: ["aadhaar", "aadhar", "adhaar", "uidai", "uid", "आधार"],
    PAN = 38: ["pan", "pan card", "permanent account", "pan number", "income tax"],
    INDIA = 39: ["india", "indian", "republic of india"],
    VOTER = 40: ["voter", "epic", "voter id", "election card", "elector"],
    GSTIN = 41: ["gstin", "gst"],
    RRN = 42: ["rrn", "resident registration", "주민등록", "주민등록번호", "주민번호", "주민"],
    FRN = 43: ["frn", "foreigner registration", "alien registration", "외국인등록", "외국인등록번호", "외국인"],
    BRN = 44: ["brn", "business registration", "사업자등록", "사업자등록번호", "사업자번호", "사업자"],
    NRIC = 45: ["nric", "fin", "singapore id"],
    UEN = 46: ["uen", "unique entity"],
    THAI = 47: ["thai", "thai id", "เลขประจำตัวประชาชน", "เลขบัตรประชาชน", "บัตรประชาชน", "เลขประจำตัว", "tnin"],
    PH_TAX = 48: ["tin", "bir", "tax id", "tax identification"],
    PH_PHONE = 49: ["telepono", "mobile", "cellphone", "selpon", "globe", "smart", "philippine", "text me"],
    TR_PHONE = 50: ["telefon", "telefonu", "telefonum", "numaram", "numaramı", "cep", "gsm", "tel", "ikinci", "birinci"],
    KIMLIK = 51: ["kimlik", "tc kimlik", "t.c", "tckn", "kimlik no", "tc no"],
    PLAKA = 52: ["plaka", "plakası", "plakalı", "plaka numarası"],
    ZA = 53: ["rsa id", "sa id", "south african", "south africa", "permanent resident", "id number", "identity number"],
    ABN = 54: ["abn", "australian business"],
    ACN = 55: ["acn", "australian company"],
    TFN = 56: ["tfn", "tax file"],
    MEDICARE_AU = 57: ["medicare", "medicare card", "medicare number"],
    OTHER = 58: ["ssn", "social security", "phone", "account", "zip", "fax", "invoice", "order", "ticket", "isbn"],
}

/// Bytes before and after a value in which a word counts.
const BEFORE: usize = 64;
const AFTER: usize = 32;

/// What the words near a value speak of.
#[derive(Clone, Copy, Default)]
pub struct Near {
    pub all: Topics,
    /// Of the last word before the value; of the first after it, where none stands before.
    pub nearest: Topics,
}

/// The machine that finds all words at once.
pub struct Context {
    words: AhoCorasick,
    topics: Vec<Topics>,
}

impl Context {
    pub fn new() -> Context {
        let mut words: Vec<(&str, Topics)> = Vec::with_capacity(WORDS.len());
        for (word, topics) in WORDS {
            match words.iter_mut().find(|(known, _)| known == word) {
                Some((_, known)) => *known = known.or(*topics),
                None => words.push((word, *topics)),
            }
        }
        let machine = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(words.iter().map(|(word, _)| word))
            .expect("a built-in list of words is small");
        Context { words: machine, topics: words.into_iter().map(|(_, topics)| topics).collect() }
    }

    /// What stands around `span`.
    pub fn near(&self, text: &str, span: &Range<usize>) -> Near {
        let (before, last) = self.within(text, span.start.saturating_sub(BEFORE)..span.start, Pick::Last);
        let (after, first) = self.within(text, span.end..(span.end + AFTER).min(text.len()), Pick::First);
        Near { all: before.or(after), nearest: if last == Topics::NONE { first } else { last } }
    }

    fn within(&self, text: &str, range: Range<usize>, pick: Pick) -> (Topics, Topics) {
        let bytes = text.as_bytes();
        let word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
        let (mut all, mut picked) = (Topics::NONE, Topics::NONE);
        for found in self.words.find_iter(&bytes[range.clone()]) {
            let (start, end) = (range.start + found.start(), range.start + found.end());
            if (start > 0 && word(start - 1) && word(start)) || (word(end) && word(end - 1)) {
                continue;
            }
            let topics = self.topics[found.pattern().as_usize()];
            all = all.or(topics);
            if pick == Pick::Last || picked == Topics::NONE {
                picked = topics;
            }
        }
        (all, picked)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pick {
    First,
    Last,
}
