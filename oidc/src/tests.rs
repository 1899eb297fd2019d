//! A provider on loopback that says what a test wants, and tokens that somebody forged.

mod forged;
mod stand_in;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api::{OidcCallbackQuery as Callback, Role};
use mail::Timestamp;
use serde_json::{Value, json};

use crate::{Begun, Error, Grant, OidcMetrics, Person, Provider, Settings};
use forged::{Signer, token};
use stand_in::StandIn;

const CLIENT: &str = "causeway-console";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

fn seconds() -> u64 {
    now().as_micros() / 1_000_000
}

fn grant(group: &str, role: Role, domains: &[&str]) -> Grant {
    let domains = domains.iter().map(|it| (*it).to_owned()).collect();
    Grant { group: group.to_owned(), role, domains, batches: Vec::new() }
}

fn settings(issuer: &str) -> Settings {
    Settings {
        issuer: issuer.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some("a secret".to_owned()),
        public_url: "http://127.0.0.1:8025".to_owned(),
        label: "Contoso".to_owned(),
        scopes: vec!["profile".to_owned()],
        name_claim: "preferred_username".to_owned(),
        groups_claim: "groups".to_owned(),
        grants: vec![
            grant("mail-readers", Role::Viewer, &[]),
            grant("mail-fabrikam", Role::Operator, &["fabrikam.example"]),
            grant("mail-operators", Role::Operator, &[]),
        ],
        ca_file: None,
        within: Duration::from_secs(5),
        pending_max: 100,
    }
}

fn provider(settings: Settings) -> Provider {
    let metrics = OidcMetrics::register(&prometheus::Registry::new()).unwrap();
    Provider::new(settings, metrics).unwrap()
}

/// The value of a parameter of the address that a browser is sent to.
fn asked(begun: &Begun, name: &str) -> String {
    let query = begun.location.split_once('?').unwrap().1;
    let pairs = query.split('&').filter_map(|it| it.split_once('='));
    pairs.into_iter().find(|(it, _)| *it == name).unwrap().1.to_owned()
}

/// What an honest provider says of anna.
fn claims(issuer: &str, nonce: &str) -> Value {
    json!({
        "iss": issuer, "sub": "0001", "aud": CLIENT, "exp": seconds() + 300, "iat": seconds(),
        "nonce": nonce, "preferred_username": "anna@contoso.example",
        "groups": ["mail-readers", "mail-operators", "mail-fabrikam"],
    })
}

/// A whole sign-in with the token that `made` gives for the honest claims.
async fn sign_in(made: impl FnOnce(Value, &StandIn) -> String) -> Result<Person, Error> {
    let stand_in = StandIn::start().await;
    let provider = provider(settings(&stand_in.issuer));
    let begun = provider.begin(HERE, now()).await.unwrap();
    let token = made(claims(&stand_in.issuer, &asked(&begun, "nonce")), &stand_in);
    stand_in.gives(&token);
    let callback = Callback {
        state: Some(asked(&begun, "state")),
        code: Some("code".to_owned()),
        ..Callback::default()
    };
    provider.finish(&callback, &begun.browser, now()).await
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

async fn refused(change: impl FnOnce(Value) -> Value) -> String {
    sign_in(|claims, it| token(&Signer::Rs256, &it.kid, &change(claims), it))
        .await
        .expect_err("a forged token was accepted")
        .to_string()
}

#[tokio::test]
async fn an_honest_token_of_each_algorithm_signs_in() {
    for signer in [Signer::Rs256, Signer::Ps256, Signer::Es256, Signer::EdDsa] {
        let person = sign_in(|claims, it| token(&signer, signer.kid(), &claims, it)).await.unwrap();
        assert_eq!(
            (person.name.as_str(), person.subject.as_str()),
            ("anna@contoso.example", "0001")
        );
        assert_eq!(
            person.grant,
            grant("mail-operators", Role::Operator, &[]),
            "the one without a limit"
        );
    }
}

#[tokio::test]
async fn what_is_not_signed_by_a_key_of_the_provider_is_refused() {
    let refused = |made: fn(Value, &StandIn) -> String| async move {
        sign_in(made).await.expect_err("a forged token was accepted").to_string()
    };
    let algorithm = "its algorithm is not RS256";
    assert!(refused(|it, _| forged::unsigned(&it, "none")).await.contains(algorithm));
    assert!(refused(|it, _| forged::unsigned(&it, "None")).await.contains(algorithm));
    assert!(refused(forged::hmac_with_the_public_key).await.contains(algorithm));
    assert!(refused(|it, s| forged::tampered(&it, s)).await.contains("signature is wrong"));
    assert!(refused(|it, s| forged::by_a_stranger(&it, s, &s.kid)).await.contains("signature"));
    assert!(refused(|it, s| forged::by_a_stranger(&it, s, "strange")).await.contains("no key"));
    let confused = refused(|it, s| token(&Signer::Es256, &s.kid, &it, s)).await;
    assert!(confused.contains("no key"), "an RSA key is no EC key: {confused}");
    assert!(refused(|_, _| "a.b".to_owned()).await.contains("malformed"));
    assert!(refused(|_, _| "x".repeat(70_000)).await.contains("too long"));
    assert!(refused(|it, s| forged::with_crit(&it, s)).await.contains("extensions"));
}

#[tokio::test]
async fn a_token_for_somebody_else_or_of_another_time_is_refused() {
    let at = |seconds_ago: i64| json!(i64::try_from(seconds()).unwrap() - seconds_ago);
    let other = "https://other.example";
    assert!(refused(|it| with(it, "iss", json!(other))).await.contains("another issuer"));
    assert!(refused(|it| with(it, "aud", json!("other"))).await.contains("another audience"));
    assert!(refused(|it| with(it, "aud", json!([]))).await.contains("another audience"));
    let two = json!([CLIENT, "other"]);
    assert!(refused(|it| with(it, "aud", two.clone())).await.contains("another client"));
    let theirs = |it| with(with(it, "aud", json!([CLIENT, "other"])), "azp", json!("other"));
    assert!(refused(theirs).await.contains("another client"));
    assert!(refused(|it| with(it, "exp", at(61))).await.contains("expired"));
    assert!(refused(|it| with(it, "exp", json!(null))).await.contains("lacks"));
    assert!(refused(|it| with(it, "iat", at(-120))).await.contains("future"));
    assert!(refused(|it| with(it, "nbf", at(-120))).await.contains("future"));
    assert!(refused(|it| with(it, "iat", at(700))).await.contains("too old"));
    assert!(refused(|it| with(it, "nonce", json!("x"))).await.contains("another sign-in"));
    assert!(refused(|it| with(it, "nonce", json!(null))).await.contains("another sign-in"));
    assert!(refused(|it| with(it, "sub", json!(""))).await.contains("subject"));
    let hidden = json!("anna\u{202e}x");
    assert!(refused(|it| with(it, "preferred_username", hidden)).await.contains("name"));
}

#[tokio::test]
async fn a_clock_may_be_a_minute_off_and_two_audiences_need_azp() {
    let ago = |n: u64| json!(seconds() - n);
    let honest = |change: fn(Value) -> Value| {
        sign_in(move |it, s| token(&Signer::Rs256, &s.kid, &change(it), s))
    };
    let two = |it| with(with(it, "aud", json!([CLIENT, "other"])), "azp", json!(CLIENT));
    assert!(honest(two).await.is_ok());
    let expired = sign_in(|it, s| token(&Signer::Rs256, &s.kid, &with(it, "exp", ago(50)), s));
    assert!(expired.await.is_ok());
}

#[tokio::test]
async fn who_is_in_no_group_that_counts_is_told_so() {
    let made = |groups: Value| {
        sign_in(move |it, s| token(&Signer::Rs256, &s.kid, &with(it, "groups", groups), s))
    };
    let person = made(json!(["mail-fabrikam", "mail-readers"])).await.unwrap();
    assert_eq!(person.grant.domains, ["fabrikam.example"]);
    assert!(matches!(made(json!(["staff"])).await, Err(Error::NoGroup { .. })));
    assert!(matches!(made(json!(null)).await, Err(Error::NoGroup { .. })));
    assert!(matches!(made(json!([["mail-operators"]])).await, Err(Error::NoGroup { .. })));
    let many = sign_in(|it, s| {
        let it = with(with(it, "groups", json!(null)), "_claim_names", json!({ "groups": "src1" }));
        token(&Signer::Rs256, &s.kid, &it, s)
    });
    assert!(matches!(many.await, Err(Error::TooManyGroups { .. })));
}

#[tokio::test]
async fn a_state_counts_once_and_in_its_own_browser() {
    let stand_in = StandIn::start().await;
    let provider = provider(settings(&stand_in.issuer));
    let mine = provider.begin(HERE, now()).await.unwrap();
    let other = provider.begin(HERE, now()).await.unwrap();
    let nonce = asked(&mine, "nonce");
    stand_in.gives(&token(
        &Signer::Rs256,
        &stand_in.kid,
        &claims(&stand_in.issuer, &nonce),
        &stand_in,
    ));
    let back = |state: &str| Callback {
        state: Some(state.to_owned()),
        code: Some("code".to_owned()),
        ..Callback::default()
    };
    let state = asked(&mine, "state");
    let elsewhere = provider.finish(&back(&state), &other.browser, now()).await;
    assert_eq!(elsewhere, Err(Error::State), "another browser");
    assert_eq!(provider.finish(&back(&state), "", now()).await, Err(Error::State), "no cookie");
    assert_eq!(provider.finish(&back("made up"), &mine.browser, now()).await, Err(Error::State));
    let later = now().plus(Duration::from_secs(601));
    assert!(provider.finish(&back(&state), &mine.browser, now()).await.is_ok());
    assert_eq!(
        provider.finish(&back(&state), &mine.browser, now()).await,
        Err(Error::State),
        "replayed"
    );
    let late = provider.finish(&back(&asked(&other, "state")), &other.browser, later).await;
    assert_eq!(late, Err(Error::State), "too late");
    assert_eq!(stand_in.redeemed(), 1, "nothing else reached the token endpoint");
}

#[tokio::test]
async fn the_code_goes_with_its_verifier_and_the_secret() {
    let stand_in = StandIn::start().await;
    let provider = provider(settings(&stand_in.issuer));
    let begun = provider.begin(HERE, now()).await.unwrap();
    assert_eq!(asked(&begun, "code_challenge_method"), "S256");
    assert_eq!(asked(&begun, "scope"), "openid%20profile");
    let callback = Callback {
        state: Some(asked(&begun, "state")),
        code: Some("c&d".to_owned()),
        ..Callback::default()
    };
    let _ = provider.finish(&callback, &begun.browser, now()).await;
    let (authorization, body) = stand_in.last();
    assert_eq!(authorization, "Basic Y2F1c2V3YXktY29uc29sZTphJTIwc2VjcmV0");
    assert!(body.contains("code=c%26d") && !body.contains("secret"), "{body}");
    let verifier = body.split("code_verifier=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(stand_in::challenge(verifier), asked(&begun, "code_challenge"));
}

#[tokio::test]
async fn an_answer_of_another_issuer_or_a_refusal_signs_nobody_in() {
    let stand_in = StandIn::start().await;
    let provider = provider(settings(&stand_in.issuer));
    let begun = provider.begin(HERE, now()).await.unwrap();
    let callback = Callback {
        state: Some(asked(&begun, "state")),
        code: Some("code".to_owned()),
        iss: Some("https://other.example".to_owned()),
        error: None,
    };
    let done = provider.finish(&callback, &begun.browser, now()).await;
    assert_eq!(done, Err(Error::Token("the answer is another issuer's")));
    let begun = provider.begin(HERE, now()).await.unwrap();
    let callback = Callback {
        state: Some(asked(&begun, "state")),
        error: Some("access_denied".to_owned()),
        ..Callback::default()
    };
    let done = provider.finish(&callback, &begun.browser, now()).await;
    assert_eq!(done, Err(Error::Denied("access_denied".to_owned())));
    assert_eq!(stand_in.redeemed(), 0);
}

#[tokio::test]
async fn new_keys_are_read_when_a_token_has_one_and_not_for_every_invention() {
    let stand_in = StandIn::start().await;
    let provider = Arc::new(provider(settings(&stand_in.issuer)));
    for _ in 0..20 {
        let begun = provider.begin(HERE, now()).await.unwrap();
        let claims = claims(&stand_in.issuer, &asked(&begun, "nonce"));
        stand_in.gives(&forged::by_a_stranger(&claims, &stand_in, "invented"));
        let callback = Callback {
            state: Some(asked(&begun, "state")),
            code: Some("code".to_owned()),
            ..Callback::default()
        };
        assert!(provider.finish(&callback, &begun.browser, now()).await.is_err());
    }
    assert!(stand_in.keys_read() <= 2, "{} times", stand_in.keys_read());
}

#[tokio::test]
async fn a_provider_that_is_not_there_or_says_nonsense_is_down() {
    let absent = provider(settings("http://127.0.0.1:9"));
    assert!(!absent.is_up().await);
    assert!(matches!(absent.begin(HERE, now()).await, Err(Error::Provider(_))));
    let stand_in = StandIn::start().await;
    assert!(provider(settings(&stand_in.issuer)).is_up().await);
    let other_spelling = format!("{}/", stand_in.issuer);
    assert!(!provider(settings(&other_spelling)).is_up().await, "it names itself otherwise");
}
