//! Ids of tool calls: made where a provider gives none, mapped where a provider refuses another's.

use gateway_core::conversation::Text;

/// The id of a call that came without one: `call_` and 24 letters or digits, OpenAI's form. The same for
/// the same request, choice and place, so a stream and a whole answer agree on it.
pub(crate) fn call_id(request_id: &str, choice: u32, index: u32) -> Text {
    let mut id = "call_".to_owned();
    push_digits(hash(format!("{request_id}/{choice}/{index}").as_bytes()), 24, &mut id);
    Text::new(&id)
}

/// Writes a call's id as this model takes it: as it came, or mapped by a function of the id alone, so
/// that call and result still agree.
pub(super) fn write(id: &Text, model: &str, out: &mut Vec<u8>) {
    let plain = id.decoded();
    let mut mapped = String::new();
    if wants_nine(model) {
        let is_nine = plain.len() == 9 && plain.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_nine {
            push_digits(hash(plain.as_bytes()), 9, &mut mapped);
        }
    } else if plain.is_empty() || plain.len() > LONGEST {
        mapped.push_str("call_");
        push_digits(hash(plain.as_bytes()), 24, &mut mapped);
    }
    if mapped.is_empty() { out.extend_from_slice(id.json()) } else { crate::write::string(&mapped, out) }
}

/// OpenAI refuses a longer id ("string too long. Expected a string with maximum length 40").
const LONGEST: usize = 40;

/// Mistral's models take nine letters or digits and nothing else.
fn wants_nine(model: &str) -> bool {
    let families = ["mistral", "ministral", "magistral", "codestral", "devstral", "pixtral", "open-mi"];
    let name = model.rsplit('/').next().unwrap_or(model);
    families.iter().any(|family| name.starts_with(family))
}

/// FNV-1a, 128 bits: fixed for all time, since ids live in conversations that callers keep.
fn hash(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
    })
}

fn push_digits(mut number: u128, digits: usize, out: &mut String) {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for _ in 0..digits {
        // Below 62, so it is an index.
        out.push(char::from(DIGITS[(number % 62) as usize]));
        number /= 62;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_id_is_stable_and_of_openais_form() {
        let id = call_id("0190b2c4-0000-7000-8000-000000000001", 0, 1);
        assert_eq!(id, call_id("0190b2c4-0000-7000-8000-000000000001", 0, 1));
        let plain = id.decoded().into_owned();
        assert!(plain.starts_with("call_") && plain.len() == 29, "{plain}");
        assert!(plain[5..].bytes().all(|byte| byte.is_ascii_alphanumeric()), "{plain}");
        for (request, choice, index) in [("0190", 0, 1), ("0190b2c4-0000-7000-8000-000000000001", 1, 0)] {
            assert_ne!(id, call_id(request, choice, index));
        }
    }

    #[test]
    fn only_an_id_that_the_model_refuses_is_mapped() {
        let long = "chatcmpl-tool-0123456789abcdef0123456789abcdef";
        for (id, model, passes) in [
            ("call_abc", "gpt-4o", true),
            ("functions.add:0", "gpt-4o", true),
            ("toolu_01A09q90qw90lq917835lq9", "gpt-4o", true),
            (long, "gpt-4o", false),
            ("", "gpt-4o", false),
            ("call_abc", "mistral-large-latest", false),
            ("call_abc", "mistralai/mistral-small", false),
            ("D681PevKs", "mistral-large-latest", true),
        ] {
            let written = |id: &str| {
                let mut out = Vec::new();
                write(&Text::new(id), model, &mut out);
                String::from_utf8(out).expect("UTF-8")
            };
            assert_eq!(written(id) == format!("\"{id}\""), passes, "{id} to {model}: {}", written(id));
            assert_eq!(written(id), written(id), "{id}");
        }
    }
}
