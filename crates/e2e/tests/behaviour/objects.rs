//! Creating, reading, replacing: names, versions, preconditions, dry runs, and bodies that do not fit.

use anyhow::{Result, ensure};
use howdah_e2e::{Rest, on_any_cluster};
use http::Method;
use serde_json::json;

use crate::{MAPS, map, map_path};

#[tokio::test]
async fn an_object_is_created_read_replaced_and_deleted() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        creation(&rest).await?;
        names(&rest).await?;
        replacing(&rest).await?;
        preconditions(&rest).await?;
        dry_runs(&rest).await?;
        immutable(&rest).await
    })
    .await
}

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_in_the_servers_words() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        unknown_fields(&rest).await?;
        bodies(&rest).await?;
        paths(&rest).await
    })
    .await
}

async fn creation(rest: &Rest) -> Result<()> {
    let made = rest.post(MAPS, &map("a", "1")).await?.is(201)?;
    let made = made.has(&json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"k": "1"},
        "metadata": {"name": "a", "namespace": rest.namespace(), "generation": null, "selfLink": null,
            "managedFields": [{"operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": {".": {}, "f:k": {}}}}]}}))?;
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        let value = &made.body["metadata"][field];
        ensure!(value.is_string(), "{field}: {value}");
    }
    let read = rest.get(&map_path("a")).await?.is(200)?;
    read.has(&made.body)?;
    rest.post(MAPS, &map("a", "2"))
        .await?
        .refuses(409, "AlreadyExists", "configmaps \"a\" already exists")?
        .has(&json!({"details": {"name": "a", "kind": "configmaps"}}))?;
    rest.get(&map_path("absent"))
        .await?
        .refuses(404, "NotFound", "configmaps \"absent\" not found")?
        .has(&json!({"details": {"name": "absent", "kind": "configmaps"}}))?;
    Ok(())
}

async fn names(rest: &Rest) -> Result<()> {
    let generated = json!({"metadata": {"generateName": "gen-"}});
    let made = rest.post(MAPS, &generated).await?.is(201)?;
    let name = made.body["metadata"]["name"].as_str().unwrap_or_default();
    ensure!(name.len() == 9 && name.starts_with("gen-"), "{name}");
    rest.post(MAPS, &json!({"metadata": {}}))
        .await?
        .refuses(422, "Invalid", "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required")?
        .has(&json!({"details": {"kind": "ConfigMap", "causes": [{"reason": "FieldValueRequired",
            "message": "Required value: name or generateName is required", "field": "metadata.name"}]}}))?;
    let told = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
        must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    rest.post(MAPS, &map("Not_A_Name", "1")).await?.refuses(
        422,
        "Invalid",
        &format!("ConfigMap \"Not_A_Name\" is invalid: metadata.name: Invalid value: \"Not_A_Name\": {told}"),
    )?;
    let long = "a".repeat(254);
    rest.post(MAPS, &map(&long, "1"))
        .await?
        .is(422)?
        .has(&json!({"details": {"causes": [{"field": "metadata.name"}]}}))?;
    let elsewhere = json!({"metadata": {"name": "b", "namespace": "elsewhere"}});
    rest.post(MAPS, &elsewhere).await?.refuses(
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    )?;
    let labels = json!({"metadata": {"name": "b", "labels": {"a b": "c"}}});
    rest.post(MAPS, &labels)
        .await?
        .is(422)?
        .has(&json!({"details": {"causes": [{"field": "metadata.labels", "reason": "FieldValueInvalid"}]}}))?;
    Ok(())
}

async fn replacing(rest: &Rest) -> Result<()> {
    let path = map_path("a");
    let first = rest.get(&path).await?.is(200)?;
    let mut object = first.body.clone();
    object["data"]["k"] = json!("2");
    let second = rest.put(&path, &object).await?.is(200)?;
    ensure!(first.version()? != second.version()?, "the version stayed");
    second.clone().has(
        &json!({"data": {"k": "2"}, "metadata": {"uid": first.body["metadata"]["uid"],
        "creationTimestamp": first.body["metadata"]["creationTimestamp"]}}),
    )?;
    rest.put(&path, &object).await?.refuses(
        409,
        "Conflict",
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes \
         to the latest version and try again",
    )?;
    let again = rest.put(&path, &second.body).await?.is(200)?;
    ensure!(again.version()? == second.version()?, "nothing changed");
    let blind = rest.put(&path, &map("a", "3")).await?.is(200)?;
    ensure!(
        blind.version()? != second.version()?,
        "a version is optional"
    );
    rest.put(&path, &map("b", "3")).await?.refuses(
        400,
        "BadRequest",
        "the name of the object (b) does not match the name on the URL (a)",
    )?;
    rest.put(&map_path("absent"), &map("absent", "3"))
        .await?
        .refuses(404, "NotFound", "configmaps \"absent\" not found")?;
    let mut other = map("a", "3");
    other["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    rest.put(&path, &other)
        .await?
        .is(409)?
        .has(&json!({"reason": "Conflict"}))?;
    Ok(())
}

async fn preconditions(rest: &Rest) -> Result<()> {
    let path = map_path("a");
    let object = rest.get(&path).await?.is(200)?;
    let uid = object.body["metadata"]["uid"].as_str().unwrap_or_default();
    let wrong = json!({"preconditions": {"uid": "wrong"}});
    rest.delete(&path, &wrong).await?.refuses(
        409,
        "Conflict",
        &format!(
            "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (wrong) does not match the \
             UID in record ({uid}). The object might have been deleted and then recreated"
        ),
    )?;
    let wrong = json!({"preconditions": {"resourceVersion": "1"}});
    rest.delete(&path, &wrong)
        .await?
        .is(409)?
        .has(&json!({"reason": "Conflict"}))?;
    let right = json!({"preconditions": {"uid": uid, "resourceVersion": object.version()?}});
    rest.delete(&path, &right).await?.is(200)?.has(&json!({
        "kind": "Status", "apiVersion": "v1", "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": uid}}))?;
    rest.delete(&path, &json!(null)).await?.is(404)?;
    Ok(())
}

async fn dry_runs(rest: &Rest) -> Result<()> {
    let dry = format!("{MAPS}?dryRun=All");
    let made = rest.post(&dry, &map("dry", "1")).await?.is(201)?;
    made.has(&json!({"metadata": {"name": "dry", "resourceVersion": null}}))?;
    rest.get(&map_path("dry")).await?.is(404)?;
    rest.post(MAPS, &map("dry", "1")).await?.is(201)?;
    let path = format!("{}?dryRun=All", map_path("dry"));
    rest.put(&path, &map("dry", "2"))
        .await?
        .is(200)?
        .has(&json!({"data": {"k": "2"}}))?;
    rest.delete(&path, &json!(null)).await?.is(200)?;
    let kept = rest.get(&map_path("dry")).await?.is(200)?;
    kept.has(&json!({"data": {"k": "1"}, "metadata": {"deletionTimestamp": null}}))?;
    rest.post(&format!("{MAPS}?dryRun=Some"), &map("dry2", "1"))
        .await?
        .is(422)?
        .has(&json!({"reason": "Invalid"}))?;
    Ok(())
}

async fn immutable(rest: &Rest) -> Result<()> {
    let mut object = map("fixed", "1");
    object["immutable"] = json!(true);
    rest.post(MAPS, &object).await?.is(201)?;
    object["data"]["k"] = json!("2");
    rest.put(&map_path("fixed"), &object).await?.refuses(
        422,
        "Invalid",
        "ConfigMap \"fixed\" is invalid: data: Forbidden: field is immutable when `immutable` is set",
    )?;
    Ok(())
}

async fn unknown_fields(rest: &Rest) -> Result<()> {
    let mut object = map("unknown", "1");
    object["dada"] = json!({"k": "v"});
    let strict = format!("{MAPS}?fieldValidation=Strict");
    rest.post(&strict, &object).await?.refuses(
        400,
        "BadRequest",
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dada\"",
    )?;
    let ignored = rest
        .post(
            &format!("{MAPS}?fieldValidation=Ignore&dryRun=All"),
            &object,
        )
        .await?
        .is(201)?;
    ensure!(ignored.warnings.is_empty(), "{:?}", ignored.warnings);
    let warned = rest.post(MAPS, &object).await?.is(201)?;
    ensure!(
        warned.warnings == ["299 - \"unknown field \\\"dada\\\"\""],
        "{:?}",
        warned.warnings
    );
    warned.has(&json!({"dada": null}))?;
    let twice = r#"{"metadata": {"name": "twice"}, "data": {"k": "1", "k": "2"}}"#;
    rest.send_text(Method::POST, &strict, "application/json", twice)
        .await?
        .refuses(
            400,
            "BadRequest",
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \
             \"data.k\"",
        )?;
    Ok(())
}

async fn bodies(rest: &Rest) -> Result<()> {
    let json = "application/json";
    let broken = rest.send_text(Method::POST, MAPS, json, "{\"a\":").await?;
    broken.is(400)?.has(&json!({"reason": "BadRequest"}))?;
    let numbers = json!({"metadata": {"name": "n"}, "data": {"k": 1}});
    rest.post(MAPS, &numbers)
        .await?
        .is(400)?
        .has(&json!({"reason": "BadRequest"}))?;
    let mut other = map("v", "1");
    other["apiVersion"] = json!("v2");
    rest.post(MAPS, &other)
        .await?
        .is(400)?
        .has(&json!({"reason": "BadRequest"}))?;
    let yaml = "metadata: {name: yaml}\ndata: {k: v}\n";
    rest.send_text(Method::POST, MAPS, "application/yaml", yaml)
        .await?
        .is(201)?
        .has(&json!({"data": {"k": "v"}}))?;
    rest.send_text(Method::POST, MAPS, "text/plain", "hello")
        .await?
        .is(415)?
        .has(&json!({"reason": "UnsupportedMediaType"}))?;
    let mut large = map("large", "");
    large["data"]["k"] = json!("x".repeat(1024 * 1024 + 1));
    rest.post(MAPS, &large)
        .await?
        .is(422)?
        .has(&json!({"reason": "Invalid"}))?;
    large["data"]["k"] = json!("x".repeat(4 * 1024 * 1024));
    rest.post(MAPS, &large)
        .await?
        .is(413)?
        .has(&json!({"reason": "RequestEntityTooLarge"}))?;
    Ok(())
}

async fn paths(rest: &Rest) -> Result<()> {
    for path in ["/nonsense", "/apis/nonsense.example.org/v1"] {
        let answer = rest.get(path).await?.is(404)?;
        let text = answer.body.as_str().unwrap_or_default();
        ensure!(text == "404 page not found\n", "{path}: {}", answer.body);
    }
    // In a group that is there it is an answer for clients.
    for path in [
        "/api/v2",
        "/api/v1/nonsense",
        "/api/v1/namespaces/{ns}/nonsense",
    ] {
        let told = "the server could not find the requested resource";
        rest.get(path).await?.refuses(404, "NotFound", told)?;
    }
    rest.post(&map_path("a"), &map("a", "1")).await?.refuses(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )?;
    rest.get("/api/v1/namespaces/{ns}/configmaps/a/status")
        .await?
        .is(404)?;
    for path in ["/healthz", "/livez", "/readyz"] {
        let answer = rest.get(path).await?.is(200)?;
        ensure!(answer.body == "ok", "{path}: {}", answer.body);
    }
    Ok(())
}
