//! Associations of two engines.

use gio_ossl::engine::Role;

use crate::cases::{Hunt, Usually};
use crate::plans::{Opinion, Plan};

pub fn run(hunt: &mut Hunt) {
    let plan = Plan::new();
    // The process has made no context yet.
    hunt.each("first", Usually::Succeeds, &|| plan.associate());
    plan.associate().unwrap();
    let mut of = |name: &str, plan: Plan| {
        hunt.each(name, Usually::Succeeds, &|| plan.associate());
    };
    of("first ticket", Plan::resumable());
    let mut lossy = Plan::new();
    lossy.is_lossy = true;
    of("lost flight", lossy);
    of("certificate", plan);
    of("two certificates", Plan::with_two_certificates());
    of("pre-shared key", Plan::with_keys());
    of("resumed", Plan::resumed());
    let mut refused = |name: &str, mut plan: Plan, opinion| {
        plan.opinion = opinion;
        hunt.each(name, Usually::Refuses, &|| plan.associate());
    };
    let by = Opinion::RefusedBy;
    refused("server refused", Plan::new(), by(Role::Client));
    refused("server refused, resumed", Plan::resumed(), by(Role::Client));
    refused(
        "client refused",
        Plan::with_two_certificates(),
        by(Role::Server),
    );
    refused("another key", Plan::with_keys(), Opinion::OtherKey);
}
