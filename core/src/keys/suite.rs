//! The test that any [`KeyStore`] must pass, on a store that is empty.

use std::collections::BTreeMap;

use super::{Fingerprint, KeyLimits, KeyName, KeyScope, KeyStore, KeyStoreError, MadeKey, marked};
use crate::audit::Time;
use crate::ids::{KeyId, TeamId};
use crate::ledger::Limit;

/// A key of team `ops` whose hash is this byte, 32 times.
pub fn a_key(byte: u8) -> MadeKey {
    let fingerprint = Fingerprint([byte; 32]);
    MadeKey {
        id: fingerprint.id(),
        fingerprint,
        team: TeamId::new("ops").expect("keeps to the pattern"),
        name: KeyName::new("a name"),
        scopes: [KeyScope::Infer, KeyScope::Audit].into(),
        limits: KeyLimits {
            requests_per_minute: Some(Limit::AtMost(60)),
            tokens_per_minute: None,
            max_parallel: Some(Limit::Unlimited),
        },
        created_at: Time::from_unix_millis(1_795_512_600_125),
        expires_at: Time::parse("2027-01-01T00:00:00.000Z"),
    }
}

/// Through `one`, and seen through `other`, which may be the same store opened twice.
///
/// # Errors
/// The first thing that does not hold.
pub async fn holds(one: &dyn KeyStore, other: &dyn KeyStore) -> Result<(), String> {
    let (first, second) = (a_key(1), a_key(2));
    same("no mark yet", &other.mark().await, &Ok(None))?;
    same("no key yet", &keys(other).await, &BTreeMap::new())?;

    same("a key", &one.add(&first, "mark-1").await, &Ok(()))?;
    let made = marked(None, "mark-1", first.id.as_str());
    same("its mark", &other.mark().await, &Ok(Some(made.clone())))?;
    same("the same again", &one.add(&first, "mark-1").await, &Ok(()))?;
    same("another key", &other.add(&second, "mark-2").await, &Ok(()))?;
    let both: BTreeMap<KeyId, MadeKey> =
        [&first, &second].map(|key| (key.id.clone(), key.clone())).into_iter().collect();
    same("both", &keys(one).await, &both)?;

    let other_of_that_id = MadeKey { name: KeyName::new("another"), ..first.clone() };
    same("an id that is taken", &one.add(&other_of_that_id, "mark-3").await, &Err(KeyStoreError::Taken))?;
    same("both as before", &keys(other).await, &both)?;
    let both_made = marked(Some(&made), "mark-2", second.id.as_str());
    same("the mark as before", &one.mark().await, &Ok(Some(both_made.clone())))?;
    let asked = [first.id.as_str(), "0123456789ab"].map(str::to_owned);
    let found = vec![(asked[0].clone(), first.encode().into_bytes())];
    same("some of them", &other.some(&asked).await, &Ok(found))?;

    same("revoked", &other.remove(&first.id, "mark-4").await, &Ok(true))?;
    let revoked = Some(marked(Some(&both_made), "mark-4", first.id.as_str()));
    same("the mark of that", &one.mark().await, &Ok(revoked.clone()))?;
    same("revoked already", &one.remove(&first.id, "mark-5").await, &Ok(false))?;
    same("nothing was done", &other.mark().await, &Ok(revoked))?;
    same("the other is left", &keys(one).await.keys().collect::<Vec<_>>(), &vec![&second.id])?;
    let mut mark = one.mark().await.map_err(|error| error.to_string())?;
    for number in 5..30 {
        let act = format!("mark-{number}");
        one.remove(&second.id, &act).await.map_err(|error| error.to_string())?;
        mark = Some(marked(mark.as_deref(), &act, second.id.as_str()));
        same("old changes are dropped", &other.mark().await, &Ok(mark.clone()))?;
        let again = format!("again-{number}");
        one.add(&second, &again).await.map_err(|error| error.to_string())?;
        mark = Some(marked(mark.as_deref(), &again, second.id.as_str()));
    }
    Ok(())
}

async fn keys(store: &dyn KeyStore) -> BTreeMap<KeyId, MadeKey> {
    let all = store.all().await.expect("the store answers");
    let read = |(id, text): (String, Vec<u8>)| {
        let key = MadeKey::decode(&id, &text).expect("a key that was added");
        (key.id.clone(), key)
    };
    all.into_iter().map(read).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("{what}: want {want:?}, got {got:?}")) }
}
