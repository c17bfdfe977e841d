//! One record per id. A replica that died may have been recorded by a reaper and, before it died, by
//! itself; the order of the two tells nothing.

use std::collections::HashMap;

use super::named::RequestId;
use super::record::RecordedBy;

/// Whether a record that was read later takes the place of the one that is held for the same id. The owner's
/// beats a reaper's; of two by the same kind of writer the first stays, since a repeat says the same.
pub fn replaces(later: RecordedBy, held: RecordedBy) -> bool {
    matches!((later, held), (RecordedBy::Owner, RecordedBy::Reaper))
}

/// Of all records one per id, each where its id first stood.
pub fn one_per_id<T>(
    records: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> (RequestId, RecordedBy),
) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    let mut places: HashMap<RequestId, usize> = HashMap::new();
    for record in records {
        let (id, by) = key(&record);
        match places.get(&id) {
            None => {
                places.insert(id, kept.len());
                kept.push(record);
            }
            Some(place) if replaces(by, key(&kept[*place]).1) => kept[*place] = record,
            Some(_) => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn the_owner_wins_in_any_order(ops in prop::collection::vec((0u128..6, any::<bool>()), 0..40)) {
            let records: Vec<(usize, u128, RecordedBy)> = ops
                .iter()
                .enumerate()
                .map(|(n, (id, owner))| (n, *id, if *owner { RecordedBy::Owner } else { RecordedBy::Reaper }))
                .collect();
            let kept = one_per_id(records.clone(), |(_, id, by)| (RequestId::new(Uuid::from_u128(*id)), *by));
            for id in 0..6 {
                let all: Vec<_> = records.iter().filter(|record| record.1 == id).collect();
                let owner = all.iter().find(|record| record.2 == RecordedBy::Owner);
                let want = owner.or(all.first()).map(|record| **record);
                let found: Vec<_> = kept.iter().filter(|record| record.1 == id).copied().collect();
                prop_assert_eq!(found, Vec::from_iter(want));
            }
        }
    }
}
