//! stub
use gateway_core::finding::Finding;
pub struct Nationals;
impl Nationals {
    pub fn new() -> Nationals {
        Nationals
    }
    pub fn find(&self, _: &str, _: std::ops::Range<usize>, _: &mut Vec<Finding>) {}
}
