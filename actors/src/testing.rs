//! What tests hand in for clock and dice, and how they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gateway_core::clock::Clock;
use gateway_core::dice::Dice;

/// Stands still until a test moves it.
pub struct TestClock {
    base: Instant,
    passed_ms: AtomicU64,
}

impl TestClock {
    /// Unix time begins at 1,000,000 s.
    pub fn shared() -> Arc<TestClock> {
        Arc::new(TestClock { base: WallClock.now(), passed_ms: AtomicU64::new(0) })
    }

    pub fn pass(&self, time: Duration) {
        self.passed_ms.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    fn passed(&self) -> Duration {
        Duration::from_millis(self.passed_ms.load(Ordering::SeqCst))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.base + self.passed()
    }

    fn unix(&self) -> Duration {
        Duration::from_secs(1_000_000) + self.passed()
    }
}

/// For tests over the network.
pub struct WallClock;

impl Clock for WallClock {
    #[allow(clippy::disallowed_methods, reason = "tests have no assembly to get the time from")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix(&self) -> Duration {
        Duration::from_secs(1_000_000)
    }
}

/// Always rolls 0: no jitter.
pub struct NoDice;

impl Dice for NoDice {
    fn roll(&self) -> u64 {
        0
    }
}

/// Waits until `condition` holds; fails the test after 5 s.
pub async fn until(condition: impl Fn() -> bool) {
    let held = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), held).await.expect("the condition holds in time");
}

/// A task of the test's own.
pub fn spawn<F>(work: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    #[allow(clippy::disallowed_methods, reason = "it ends with the test's runtime, and may")]
    actix::spawn(work)
}
