//! Which node answers, and whether it is fit for money: it must not evict, and should log what it does.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

use gateway_core::ledger::{Health, LedgerError, Warning};
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{FromRedisValue, RedisResult};

use crate::connection::Link;

/// What `INFO` says, of each node that takes writes.
pub(crate) async fn infos(link: &mut Link) -> RedisResult<BTreeMap<String, String>> {
    match link {
        Link::One(_) => {
            let info: String = link.query(&redis::cmd("INFO")).await?;
            Ok(BTreeMap::from([(String::new(), info)]))
        }
        Link::Cluster(cluster) => {
            let masters = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
            let value = cluster.route_command(redis::cmd("INFO"), masters).await?;
            Ok(HashMap::<String, String>::from_redis_value(value)?.into_iter().collect())
        }
    }
}

/// `Unfit` where a node would evict, so lose books by its own settings.
pub(crate) fn judge(infos: &BTreeMap<String, String>, wait_replicas: u32) -> Result<Health, LedgerError> {
    let mut term = DefaultHasher::new();
    let mut warnings = Vec::new();
    for (node, info) in infos {
        let (node, some_node) =
            if node.is_empty() { ("Redis", "Redis") } else { (node.as_str(), "a node of Redis") };
        let mut warn = |what: String| {
            warnings.push(Warning { logged: format!("{node} {what}"), shown: format!("{some_node} {what}") });
        };
        if let Some(policy) = field(info, "maxmemory_policy")
            && policy != "noeviction"
        {
            let reason = format!("{node} has `maxmemory-policy {policy}`: set `noeviction`");
            return Err(LedgerError::Unfit { reason });
        }
        if let Some(bits) = field(info, "arch_bits")
            && bits != "64"
        {
            let reason = format!("{node} counts in {bits} bits: the scripts need 64");
            return Err(LedgerError::Unfit { reason });
        }
        if field(info, "aof_enabled") == Some("0") {
            warn("runs without AOF: a restart loses what was spent since its last snapshot; set `appendonly yes`".to_owned());
        }
        let replicas: u32 = field(info, "connected_slaves").and_then(|count| count.parse().ok()).unwrap_or(0);
        if replicas < wait_replicas {
            warn(format!(
                "has {replicas} replicas, BUDGET_STORE_WAIT_REPLICAS asks for {wait_replicas}: no request passes"
            ));
        }
        (field(info, "run_id"), field(info, "role")).hash(&mut term);
    }
    Ok(Health { term: term.finish(), warnings })
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_fit_or_says_why_not() {
        let good = "run_id:a\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nconnected_slaves:1\r\n";
        let of = |info: &str| judge(&BTreeMap::from([(String::new(), info.to_owned())]), 1);
        let fit = of(good).unwrap();
        assert_eq!(fit.warnings, []);
        for (case, from, to, warnings) in [
            ("no AOF", "aof_enabled:1", "aof_enabled:0", 1),
            ("too few replicas", "connected_slaves:1", "connected_slaves:0", 1),
            ("another run", "run_id:a", "run_id:b", 0),
        ] {
            let health = of(&good.replace(from, to)).unwrap();
            assert_eq!(health.warnings.len(), warnings, "{case}");
            assert_eq!(health.term != fit.term, case == "another run", "{case}");
        }
        let bare = good
            .replace("aof_enabled:1", "aof_enabled:0")
            .replace("connected_slaves:1", "connected_slaves:0");
        for (name, shown) in [("", "Redis "), ("10.0.0.7:6379", "a node of Redis ")] {
            let told = judge(&BTreeMap::from([(name.to_owned(), bare.clone())]), 1).unwrap().warnings;
            assert_eq!(told.len(), 2);
            for warning in told {
                assert!(warning.logged.contains(name), "{warning:?}");
                assert!(warning.shown.starts_with(shown) && !warning.shown.contains("6379"), "{warning:?}");
            }
        }
        let narrow = of(&format!("{good}arch_bits:32\r\n"));
        assert!(matches!(narrow, Err(LedgerError::Unfit { .. })));
        let evicts = of(&good.replace("noeviction", "allkeys-lru"));
        assert!(matches!(evicts, Err(LedgerError::Unfit { .. })));
    }
}
