//! What the fake makes of ciphertexts; the rest is tested by those who use it, the real `sops` among them.

use super::*;

#[test]
fn scripted_replies_are_used_up_and_then_repeat() {
    let mut world = World::default();
    world
        .next
        .insert("Decrypt".to_owned(), [Scripted::throttling()].into());
    assert!(world.scripted("Decrypt").is_some());
    assert!(world.scripted("Decrypt").is_none());
    world.always.insert("Decrypt".to_owned(), Scripted::silence());
    assert!(world.scripted("Decrypt").is_some() && world.scripted("Decrypt").is_some());
}

#[test]
fn sessions_are_people_of_their_own() {
    let mut world = World::default();
    let role = "arn:aws:iam::123456789012:role/path/deployer";
    let (one, two) = (world.session(role, "a"), world.session(role, "b"));
    assert_ne!(one.access_key_id, two.access_key_id);
    assert_eq!(
        world.identities[&one.access_key_id].arn,
        "arn:aws:sts::123456789012:assumed-role/deployer/a"
    );
}
