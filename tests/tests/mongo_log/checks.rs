//! What `start` refuses, and what it asks the server for.

use bson::{Document, doc};
use cachecow::log::MongoLog;
use cachecow::{CacheCow, Error, ErrorKind};
use cachecow_tests::change_streams::{Kind, State};

use super::shop::{Note, Shop, User};

async fn start(shop: &Shop, log: MongoLog) -> Result<(), Error> {
    let follower = shop.cow.follow(log).types::<(User, Note)>().start().await?;
    follower.stop().await;
    Ok(())
}

/// The refusal of a server that was changed in this way.
async fn refusal(change: impl FnOnce(&mut State)) -> String {
    let shop = Shop::open().await;
    shop.server.set(change);
    let log = MongoLog::connect(shop.server.direct_url());
    let error = start(&shop, log).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_server_without_change_streams_is_refused() {
    let refused = refusal(|state| state.kind = Kind::Standalone).await;
    assert!(refused.contains("rs.initiate()"), "{refused}");
    let refused = refusal(|state| state.kind = Kind::Secondary).await;
    assert!(refused.contains("not a primary"), "{refused}");
    let refused = refusal(|state| state.wire_version = 13).await;
    assert!(refused.contains("MongoDB 6.0"), "{refused}");
    let shop = Shop::open().await;
    shop.server.set(|state| state.odd_tokens = true);
    let log = MongoLog::connect(shop.server.direct_url());
    let error = start(&shop, log).await.unwrap_err();
    assert!(error.to_string().contains("resume tokens"), "{error}");
}

#[tokio::test]
async fn collections_without_what_lists_need_are_refused_with_what_mends_it() {
    let collection_mod = r#"`db.getSiblingDB("shop").runCommand({"collMod": "users", "changeStreamPreAndPostImages": {"enabled": true}});`"#;
    let refused = refusal(|state| state.create("users", false)).await;
    assert!(refused.contains(collection_mod) && refused.contains("org_id"), "{refused}");
    assert!(
        MongoLog::setup_commands::<(User, Note)>("shop").contains(collection_mod.trim_matches('`'))
    );
    let refused = refusal(|state| {
        state.collections.remove("users");
    })
    .await;
    assert!(
        refused.contains(r#"createCollection("users", {"changeStreamPreAndPostImages""#),
        "{refused}"
    );
    let view = |state: &mut State| {
        state.collections.insert("users".to_owned(), doc! { "name": "users", "type": "view" });
        state
            .collections
            .insert("notes".to_owned(), doc! { "name": "notes", "type": "timeseries" });
    };
    let refused = refusal(view).await;
    assert!(
        refused.contains("a view") && refused.contains("a time series"),
        "all at once: {refused}"
    );

    let shop = Shop::open().await;
    shop.server.set(|state| {
        state.collections.remove("notes");
    });
    start(&shop, shop.log()).await.unwrap();
}

#[tokio::test]
async fn rights_are_asked_for_and_found_wanting_at_start() {
    let shop = Shop::open().await;
    let error = doc! {
        "ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized on shop to execute command",
    };
    shop.server.set(|state| state.errors.push_back(("aggregate", error)));
    let error = start(&shop, shop.log()).await.unwrap_err();
    assert!(error.to_string().contains("the role `read`"), "{error}");
}

#[tokio::test]
async fn a_url_is_refused_without_being_shown() {
    let cow = CacheCow::memory();
    for url in ["", "localhost", "mongodb://user:oats@hay@host/db", "mongodb://host:oats/db"] {
        let error = cow.follow(MongoLog::connect(url)).types::<Note>().start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("oats") && !shown.contains("hay"), "{shown}");
    }
    let log = MongoLog::connect("mongodb://user:oats@host");
    assert!(!format!("{log:?}").contains("oats"));
    let error = cow.follow(log).types::<Note>().start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("which database"), "{error}");
}

/// What is asked for is what a real server would be asked for: it has not been tried on one.
#[tokio::test]
async fn the_stream_sends_only_what_keys_are_made_of() {
    let shop = Shop::open().await;
    let follower = shop.follow().await;
    let command = shop.server.commands("aggregate").pop().unwrap();
    assert_eq!(command.get_str("$db").unwrap(), "shop");
    assert_eq!(command.get_document("readConcern").unwrap(), &doc! { "level": "majority" });
    let stages = command.get_array("pipeline").unwrap();
    let stages: Vec<&Document> = stages.iter().map(|stage| stage.as_document().unwrap()).collect();
    let stream = stages[0].get_document("$changeStream").unwrap();
    assert_eq!(stream.get_str("fullDocument").unwrap(), "updateLookup");
    assert_eq!(stream.get_str("fullDocumentBeforeChange").unwrap(), "whenAvailable");
    assert!(stream.contains_key("startAtOperationTime"));
    let names = doc! { "$in": ["users", "notes"] };
    assert_eq!(
        stages[1],
        &doc! { "$match": { "$or": [
            { "operationType": { "$in": ["dropDatabase", "invalidate"] } },
            { "ns.db": "shop", "ns.coll": names.clone() },
            { "to.db": "shop", "to.coll": names },
        ] } }
    );
    let project = stages[2].get_document("$project").unwrap();
    let names: Vec<&String> = project.keys().collect();
    assert_eq!(
        names,
        [
            "_id",
            "operationType",
            "clusterTime",
            "ns",
            "to",
            "documentKey",
            "fullDocument._id",
            "fullDocument.at",
            "fullDocument.contact.mail",
            "fullDocument.org_id",
            "fullDocumentBeforeChange._id",
            "fullDocumentBeforeChange.at",
            "fullDocumentBeforeChange.contact.mail",
            "fullDocumentBeforeChange.org_id",
        ]
    );
    follower.stop().await;
}
