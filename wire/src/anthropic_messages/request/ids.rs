//! Ids of tool calls and names of tools, as Anthropic takes them: `[A-Za-z0-9_-]{1,64}`.

use gateway_core::conversation::Text;

pub(super) fn is_legal(word: &str) -> bool {
    (1..=64).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Writes a call's id: as it came, or mapped by a function of the id alone, so that call and result still
/// agree.
pub(super) fn write(id: &Text, out: &mut Vec<u8>) {
    let plain = id.decoded();
    if is_legal(&plain) {
        out.extend_from_slice(id.json());
    } else {
        out.extend_from_slice(format!("\"call_{:032x}\"", hash(plain.as_bytes())).as_bytes());
    }
}

/// FNV-1a, 128 bits: fixed for all time, since a conversation that is sent again must give the same bytes.
fn hash(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
    })
}
