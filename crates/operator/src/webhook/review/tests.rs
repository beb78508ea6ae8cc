//! What is made of reviews, good and bad.

use pretty_assertions::assert_eq;

use super::*;

fn review(kind: &str, object: &str) -> String {
    format!(
        r#"{{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {{
            "uid": "u", "operation": "CREATE", "namespace": "n", "name": "a", "userInfo": {{"username": "me"}},
            "kind": {{"group": "stackgres.io", "version": "v1", "kind": "{kind}"}},
            "object": {object}, "oldObject": null, "dryRun": true}}}}"#
    )
}

fn refused(body: &str) -> String {
    match read(body.as_bytes()).unwrap().question {
        Err(Refusal(status)) => {
            assert_eq!(status["code"], 400);
            status["message"].as_str().unwrap().to_owned()
        }
        Ok(question) => panic!("understood: {question:?}"),
    }
}

#[test]
fn a_review_is_read() {
    let request = read(review("SGCluster", r#"{"a": 1}"#).as_bytes()).unwrap();
    assert_eq!(
        (request.uid.as_str(), request.operation),
        ("u", Operation::Write)
    );
    assert_eq!(
        (request.namespace.as_str(), request.name.as_str()),
        ("n", "a")
    );
    assert_eq!(request.user, "me");
    let question = request.question.unwrap();
    assert_eq!(question.kind, Kind::Cluster);
    assert_eq!(question.object, json!({"a": 1}));
    assert_eq!(question.old, None);
}

#[test]
fn what_is_no_review_is_no_review() {
    let long = "x".repeat(LONGEST_UID + 1);
    for (body, said) in [
        ("", "this is no AdmissionReview: EOF"),
        ("[]", "this is no AdmissionReview: invalid length"),
        ("{}", "only reviews of admission.k8s.io/v1 are answered"),
        (
            r#"{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}"#,
            "only reviews",
        ),
        (
            r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}"#,
            "the uid",
        ),
        (
            r#"{"apiVersion": 1}"#,
            "this is no AdmissionReview: invalid type",
        ),
        (
            &review("SGCluster", "{").replace('}', ""),
            "this is no AdmissionReview",
        ),
        (
            &review("SGCluster", "{}").replace("\"u\"", &format!("\"{long}\"")),
            "the uid",
        ),
    ] {
        let error = read(body.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    assert!(read(&[0xff; 9]).is_err());
}

#[test]
fn what_is_unknown_is_refused_in_words() {
    assert_eq!(
        refused(&review("Pod", "{}")),
        "nothing is known here of the kind \"Pod\" of \"stackgres.io\""
    );
    let other = review("SGCluster", "{}").replace("stackgres.io", "else");
    assert!(refused(&other).ends_with("\"SGCluster\" of \"else\""));
}

#[test]
fn objects_are_taken_up_to_a_limit() {
    let with = |values: usize| review("SGScript", &format!("[{}0]", "0,".repeat(values - 2)));
    assert!(read(with(MOST_VALUES).as_bytes()).unwrap().question.is_ok());
    assert_eq!(
        refused(&with(MOST_VALUES + 1)),
        "the object has more than 20000 values"
    );
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    // The outer pass may refuse such depths itself; in words, and without a crash.
    match read(review("SGScript", &deep).as_bytes()) {
        Err(error) => assert!(error.to_string().contains("recursion limit"), "{error}"),
        Ok(request) => assert!(request.question.is_err()),
    }
    let text = review("SGScript", &format!("\"{}\"", ",".repeat(MOST_VALUES * 2)));
    assert!(read(text.as_bytes()).unwrap().question.is_ok());
}

#[test]
fn refusals_name_every_field_up_to_a_limit() {
    let problem = |at: usize| Invalid::config(format!("spec.{at}"), "is wrong");
    let some: Vec<_> = (0..2).map(problem).collect();
    let Refusal(status) = Refusal::of(Kind::Cluster, "a", &some);
    assert_eq!(
        status,
        json!({
            "code": 422, "reason": "Invalid", "message": "spec.0: is wrong; spec.1: is wrong",
            "details": {"name": "a", "group": "stackgres.io", "kind": "SGCluster", "causes": [
                {"reason": "FieldValueInvalid", "message": "is wrong", "field": "spec.0"},
                {"reason": "FieldValueInvalid", "message": "is wrong", "field": "spec.1"},
            ]},
        })
    );
    let many: Vec<_> = (0..MOST_FINDINGS + 7).map(problem).collect();
    let Refusal(status) = Refusal::of(Kind::Cluster, "a", &many);
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .ends_with("; and 7 more")
    );
    assert_eq!(
        status["details"]["causes"].as_array().unwrap().len(),
        MOST_FINDINGS
    );
    let long = [Invalid::config("spec", "é".repeat(LONGEST * 2))];
    let Refusal(status) = Refusal::of(Kind::Cluster, "a", &long);
    assert_eq!(
        status["message"].as_str().unwrap().chars().count(),
        LONGEST + 3
    );
    let Refusal(status) = Refusal::of(
        Kind::Script,
        "a",
        &[Invalid::reserved("metadata.name", "x")],
    );
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&json!(403), &json!("Forbidden"))
    );
}

#[test]
fn answers_are_reviews() {
    let written = |answer: Answer| -> Value {
        let review: Value = serde_json::from_slice(&write("u", &answer)).unwrap();
        assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(review["kind"], "AdmissionReview");
        review["response"].clone()
    };
    assert_eq!(
        written(Answer::Allowed(vec![])),
        json!({"uid": "u", "allowed": true})
    );
    assert_eq!(
        written(Answer::Changed(vec![])),
        json!({"uid": "u", "allowed": true})
    );
    assert_eq!(
        written(Answer::Allowed(vec!["w".to_owned()])),
        json!({"uid": "u", "allowed": true, "warnings": ["w"]})
    );
    assert_eq!(
        written(Answer::Changed(vec![json!({"op": "remove", "path": "/a"})])),
        json!({"uid": "u", "allowed": true, "patchType": "JSONPatch",
            "patch": "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL2EifV0="})
    );
    let refusal = Refusal::bad("no".to_owned());
    assert_eq!(
        written(Answer::Refused(refusal)),
        json!({"uid": "u", "allowed": false, "status": {"code": 400, "reason": "BadRequest", "message": "no"}})
    );
}
