//! The table of national ids. Shapes are read as `matched` says.

use super::checks;
use gateway_core::finding::Kind;

/// What has to be there beside form and check.
#[derive(Clone, Copy)]
pub(super) enum Need {
    /// The form alone is proof.
    Nothing,
    /// One of these words near.
    Context(&'static [&'static str]),
    /// One of these words near, or a text that is hardly more than the value.
    ContextOrAlone(&'static [&'static str]),
}

pub(super) struct Form {
    pub kind: Kind,
    pub shape: &'static str,
    pub check: fn(&[u8]) -> bool,
    pub need: Need,
    /// Without separators it needs its words.
    pub apart: bool,
    /// Without words of context.
    pub score: u8,
}

const fn proof(kind: Kind, shape: &'static str, check: fn(&[u8]) -> bool) -> Form {
    Form { kind, shape, check, need: Need::Nothing, apart: false, score: 92 }
}

/// Proof where its groups are apart.
const fn apart(
    kind: Kind,
    shape: &'static str,
    check: fn(&[u8]) -> bool,
    words: &'static [&'static str],
) -> Form {
    Form { kind, shape, check, need: Need::ContextOrAlone(words), apart: false, score: 66 }
}

const fn near(
    kind: Kind,
    shape: &'static str,
    check: fn(&[u8]) -> bool,
    words: &'static [&'static str],
) -> Form {
    Form { kind, shape, check, need: Need::Context(words), apart: false, score: 60 }
}

const PASSPORT: &[&str] =
    &["passport", "passports", "pass", "reisepass", "passeport", "passaporto", "pasaporte", "여권"];
const PLATE: &[&str] =
    &["plate", "plates", "registration", "vehicle", "vehicles", "car", "reg", "vrm", "number plate"];
const DRIVER: &[&str] = &[
    "driver's license",
    "drivers license",
    "driver license",
    "driving license",
    "driver’s license",
    "driver's licence",
    "license number",
    "dl",
    "dln",
    "license no",
    "license",
    "licence",
];

pub(super) const FORMS: &[Form] = &[
    apart(
        Kind::ABA_ROUTING_NUMBER,
        "9999 9999 9",
        checks::aba,
        &["aba", "routing", "rtn", "bank", "transit"],
    ),
    Form {
        apart: true,
        ..apart(Kind::AU_ABN, "99 999 999 999", checks::au_abn, &["abn", "business number"])
    },
    apart(Kind::AU_ACN, "999 999 999", checks::au_acn, &["acn", "company number"]),
    apart(Kind::AU_MEDICARE, "9999 99999 9", checks::au_medicare, &["medicare"]),
    Form {
        score: 68,
        ..apart(Kind::AU_TFN, "999 999 999", checks::au_tfn, &["tfn", "tax file", "tax file number"])
    },
    proof(Kind::BR_CPF, "999.999.999-99", checks::br_cpf),
    apart(Kind::BR_CPF, "99999999999", checks::br_cpf, &["cpf", "cadastro", "national id"]),
    proof(Kind::BR_CNPJ, "99.999.999/9999-99", checks::br_cnpj),
    Form {
        score: 70,
        ..apart(Kind::CA_SIN, "999 999 999", checks::ca_sin, &["sin", "social insurance", "nas"])
    },
    apart(
        Kind::DE_ID_CARD,
        "AXXXXXXX9",
        checks::de_id_card,
        &["personalausweis", "ausweis", "id card", "ausweisnummer"],
    ),
    apart(Kind::DE_PASSPORT, "AXXXXXXX9", checks::de_passport, PASSPORT),
    proof(Kind::DE_SOCIAL_SECURITY, "99999999A999", checks::de_social_security),
    near(
        Kind::DE_TAX_ID,
        "99 999 999 999",
        checks::de_tax_id,
        &["steuer", "steuer-id", "idnr", "tax id", "steuerliche", "identifikationsnummer", "tin"],
    ),
    apart(
        Kind::DE_HEALTH_INSURANCE,
        "A999999999",
        checks::de_health,
        &["krankenversicherung", "kvnr", "versichertennummer", "krankenkasse", "health insurance"],
    ),
    near(Kind::DE_LANR, "999999999", checks::any, &["lanr", "arztnummer"]),
    near(Kind::DE_BSNR, "999999999", checks::any, &["bsnr", "betriebsstättennummer", "betriebsst"]),
    proof(Kind::ES_NIF, "99999999 A", checks::es_nif),
    apart(Kind::ES_NIF, "9999999 A", checks::es_nif, &["nif", "dni"]),
    proof(Kind::ES_NIE, "A9999999 A", checks::es_nie),
    apart(Kind::ES_PASSPORT, "AAA999999", checks::any, &["pasaporte", "passport"]),
    proof(Kind::FI_PERSONAL_IDENTITY_CODE, "999999A999X", checks::fi_hetu),
    proof(Kind::FI_PERSONAL_IDENTITY_CODE, "999999-999X", checks::fi_hetu_signed),
    Form { apart: true, ..proof(Kind::FR_NIR, "9 99 99 99 999 999 99", checks::fr_nir) },
    near(
        Kind::FR_NIR,
        "9 99 99 99 999 999 99",
        checks::fr_nir,
        &["sécurité sociale", "nir", "numéro de sécu", "insee"],
    ),
    Form { apart: true, ..proof(Kind::IN_AADHAAR, "9999 9999 9999", checks::in_aadhaar) },
    near(Kind::IN_AADHAAR, "999999999999", checks::in_aadhaar, &["aadhaar", "aadhar", "uidai"]),
    proof(Kind::IN_GSTIN, "99AAAAA9999AXAX", checks::in_gstin),
    proof(Kind::IN_PAN, "AAAAA9999A", checks::any),
    apart(Kind::IN_PAN, "A9999AAAAA", checks::any, &["pan", "permanent account"]),
    Form { score: 62, ..apart(Kind::IN_PASSPORT, "A9999999", checks::any, &["indian passport"]) },
    proof(Kind::IN_VEHICLE_REGISTRATION, "AA 99 AA 9999", checks::in_vehicle),
    apart(Kind::IN_VOTER, "AAA9999999", checks::any, &["voter", "epic", "elector"]),
    apart(Kind::IT_DRIVER_LICENSE, "AA9999999A", checks::any, &["patente", "driver", "license"]),
    proof(Kind::IT_DRIVER_LICENSE, "A9XXXXXXXA", checks::it_driver),
    proof(Kind::IT_FISCAL_CODE, "AAAAAA99A99A999A", checks::it_fiscal_code),
    apart(Kind::IT_IDENTITY_CARD, "AA99999AA", checks::any, &["identità", "carta", "identity card", "cie"]),
    near(Kind::IT_IDENTITY_CARD, "AA 9999999", checks::any, &["identità", "carta d'identità"]),
    near(Kind::IT_PASSPORT, "AA9999999", checks::any, &["passaporto"]),
    apart(Kind::IT_VAT_CODE, "99999999999", checks::luhn, &["partita iva", "p.iva", "piva", "vat", "iva"]),
    proof(Kind::KR_BRN, "999-99-99999", checks::kr_brn),
    near(Kind::KR_BRN, "9999999999", checks::kr_brn, &["brn", "사업자", "business registration"]),
    Form { score: 80, apart: true, ..proof(Kind::KR_DRIVER_LICENSE, "99 99 999999 99", checks::kr_driver) },
    apart(Kind::KR_DRIVER_LICENSE, "999999999999", checks::kr_driver, &["운전면허", "driver"]),
    proof(Kind::KR_RRN, "999999-9999999", checks::kr_rrn),
    Form {
        score: 72,
        ..apart(
            Kind::KR_RRN,
            "9999999999999",
            checks::kr_rrn,
            &["rrn", "주민", "resident registration", "korean"],
        )
    },
    proof(Kind::KR_FRN, "999999-9999999", checks::kr_frn),
    apart(Kind::KR_FRN, "9999999999999", checks::kr_frn, &["frn", "외국인", "korean", "alien registration"]),
    apart(Kind::KR_PASSPORT, "A999A9999", checks::kr_passport, PASSPORT),
    Form {
        score: 64,
        ..apart(Kind::KR_PASSPORT, "A99999999", checks::kr_passport, &["여권", "korean passport", "korea"])
    },
    proof(Kind::NG_VEHICLE_REGISTRATION, "AAA-999AA", checks::any),
    apart(Kind::NG_VEHICLE_REGISTRATION, "AAA999AA", checks::any, PLATE),
    near(Kind::NL_BSN, "9999 99 999", checks::nl_bsn, &["bsn", "burgerservicenummer", "sofinummer"]),
    Form {
        score: 94,
        ..apart(
            Kind::PH_MOBILE_NUMBER,
            "9999 999 9999",
            checks::ph_mobile,
            &["telepono", "philippine", "philippines", "ph mobile", "mobile"],
        )
    },
    Form {
        score: 94,
        ..apart(
            Kind::PH_MOBILE_NUMBER,
            "99 999 999 9999",
            checks::ph_mobile,
            &["telepono", "philippine", "philippines", "ph mobile", "mobile"],
        )
    },
    near(Kind::PH_TIN, "999 999 999 999", checks::ph_tin, &["tin", "bir", "tax id", "taxpayer"]),
    near(Kind::PH_TIN, "999 999 999", checks::ph_tin, &["tin", "bir"]),
    Form { score: 90, ..apart(Kind::PL_PESEL, "99999999999", checks::pl_pesel, &["pesel", "national id"]) },
    proof(Kind::SE_PERSONNUMMER, "99999999-9999", checks::se_person),
    apart(
        Kind::SE_PERSONNUMMER,
        "999999-9999",
        checks::se_person,
        &["personnummer", "pnr", "personal identity"],
    ),
    Form {
        score: 68,
        ..apart(
            Kind::SE_PERSONNUMMER,
            "999999999999",
            checks::se_person,
            &["personnummer", "pnr", "swedish", "id code"],
        )
    },
    Form {
        score: 79,
        ..apart(
            Kind::SE_ORGANISATIONSNUMMER,
            "999999 9999",
            checks::se_organisation,
            &["orgnummer", "organisationsnummer", "org.nr", "orgnr"],
        )
    },
    proof(Kind::SG_NRIC_FIN, "A9999999A", checks::sg_nric),
    proof(Kind::SG_UEN, "A99AA9999A", checks::sg_uen),
    apart(Kind::SG_UEN, "99999999A", checks::any, &["uen", "entity number"]),
    apart(Kind::SG_UEN, "999999999A", checks::sg_uen_year, &["uen", "entity number"]),
    Form {
        score: 74,
        ..apart(
            Kind::TH_TNIN,
            "9 9999 99999 99 9",
            checks::th_tnin,
            &["thai", "thailand", "ประชาชน", "เลขประจำตัว", "national id"],
        )
    },
    apart(Kind::TR_LICENSE_PLATE, "99 A 9999", checks::tr_province, &["plaka", "plate"]),
    apart(Kind::TR_LICENSE_PLATE, "99 A 99999", checks::tr_province, &["plaka", "plate"]),
    apart(Kind::TR_LICENSE_PLATE, "99 AA 999", checks::tr_province, &["plaka", "plate"]),
    apart(Kind::TR_LICENSE_PLATE, "99 AA 9999", checks::tr_province, &["plaka", "plate"]),
    apart(Kind::TR_LICENSE_PLATE, "99 AAA 99", checks::tr_province, &["plaka", "plate"]),
    apart(Kind::TR_LICENSE_PLATE, "99 AAA 999", checks::tr_province, &["plaka", "plate"]),
    apart(Kind::TR_LICENSE_PLATE, "99 AAA 9999", checks::tr_province, &["plaka", "plate"]),
    apart(Kind::TR_LICENSE_PLATE, "99 A 999", checks::tr_province, &["plaka", "plate"]),
    Form {
        score: 91,
        ..apart(Kind::TR_NATIONAL_ID, "99999999999", checks::tr_national, &["kimlik", "tc", "t.c.", "tckn"])
    },
    Form {
        score: 95,
        ..apart(
            Kind::TR_PHONE_NUMBER,
            "999999999999",
            checks::tr_mobile,
            &["telefon", "cep", "gsm", "birinci", "ikinci"],
        )
    },
    Form {
        score: 95,
        ..apart(
            Kind::TR_PHONE_NUMBER,
            "9999 999 99 99",
            checks::tr_mobile,
            &["telefon", "cep", "gsm", "birinci", "ikinci"],
        )
    },
    Form {
        score: 95,
        ..apart(Kind::TR_PHONE_NUMBER, "999 999 99 99", checks::tr_mobile, &["telefon", "cep", "gsm"])
    },
    Form {
        score: 65,
        ..apart(Kind::TR_PHONE_NUMBER, "9999 999 99 99", checks::tr_landline, &["telefon", "gsm", "santral"])
    },
    proof(Kind::UK_DRIVING_LICENCE, "XXXXX999999AXXAA", checks::uk_driving),
    Form {
        score: 80,
        ..apart(
            Kind::UK_NHS,
            "999 999 9999",
            checks::uk_nhs,
            &["nhs", "national health", "national health service"],
        )
    },
    proof(Kind::UK_NINO, "AA 99 99 99 A", checks::uk_nino),
    near(Kind::UK_PASSPORT, "AA9999999", checks::any, &["passport", "passports"]),
    apart(Kind::UK_VEHICLE_REGISTRATION, "AA99 AAA", checks::uk_plate, PLATE),
    apart(Kind::UK_VEHICLE_REGISTRATION, "A999 AAA", checks::uk_plate_old, PLATE),
    apart(Kind::UK_VEHICLE_REGISTRATION, "AAA 999A", checks::uk_plate_old, PLATE),
    near(Kind::US_DRIVER_LICENSE, "A999 999 9999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "A999999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "A9999999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "A99999999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "A999 9999 9999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "A999 9999 99999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "A9999999999999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "99999999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "999999999", checks::any, DRIVER),
    near(Kind::US_DRIVER_LICENSE, "AA999999", checks::any, DRIVER),
    Form { apart: true, score: 94, ..proof(Kind::US_ITIN, "999 99 9999", checks::us_itin) },
    proof(Kind::US_MBI, "9AX9 AX9 AA99", checks::us_mbi),
    Form {
        score: 78,
        ..apart(Kind::US_NPI, "9999999999", checks::us_npi, &["npi", "provider", "provider identifier"])
    },
    near(
        Kind::US_PASSPORT,
        "A99999999",
        checks::any,
        &["passport", "passports", "passport number", "travel document"],
    ),
    apart(
        Kind::ZA_ID_NUMBER,
        "9999999999999",
        checks::za_id,
        &["rsa", "south africa", "south african", "sa id", "resident number", "id number", "id"],
    ),
];
