//! A configuration of three keys, two of which differ in the file.

use api::{
    Configuration, ConfigurationDifference, ConfigurationKey, ConfigurationSection,
    ConfigurationSource, ConfigurationTakes, FieldError,
};

pub(super) fn of(mistakes: Vec<FieldError>, differs: bool) -> Configuration {
    let section = |name: &str, about: &str| ConfigurationSection {
        name: name.to_owned(),
        about: about.to_owned(),
    };
    let differences = match differs && mistakes.is_empty() {
        true => differences(),
        false => Vec::new(),
    };
    Configuration {
        file: "/etc/causeway/causeway.toml".to_owned(),
        mistakes,
        warnings: Vec::new(),
        differences,
        sections: vec![
            section("server", "The gateway itself."),
            section("site.cloud", "A mail environment behind the gateway."),
        ],
        keys: keys(),
    }
}

fn differences() -> Vec<ConfigurationDifference> {
    vec![
        ConfigurationDifference {
            key: "server.data_dir".to_owned(),
            running: Some("\"/var/lib/causeway\"".to_owned()),
            file: Some("\"/srv/causeway\"".to_owned()),
            takes: ConfigurationTakes::Restart,
        },
        ConfigurationDifference {
            key: "site.cloud.ca_file".to_owned(),
            running: None,
            file: Some("\"roots.pem\"".to_owned()),
            takes: ConfigurationTakes::Reload,
        },
    ]
}

fn keys() -> Vec<ConfigurationKey> {
    vec![
        ConfigurationKey {
            key: "server.data_dir".to_owned(),
            section: "server".to_owned(),
            name: "data_dir".to_owned(),
            value: Some("\"/var/lib/causeway\"".to_owned()),
            source: ConfigurationSource::File,
            line: Some(3),
            default: None,
            unset_means: None,
            wants: "path".to_owned(),
            about: "Spool, ledger and table.".to_owned(),
            takes: ConfigurationTakes::Restart,
        },
        ConfigurationKey {
            key: "site.cloud.connections_max".to_owned(),
            section: "site.cloud".to_owned(),
            name: "connections_max".to_owned(),
            value: Some("15".to_owned()),
            source: ConfigurationSource::Default,
            line: None,
            default: Some("15".to_owned()),
            unset_means: None,
            wants: "number, 1 to 10000".to_owned(),
            about: "Connections at a time.".to_owned(),
            takes: ConfigurationTakes::Reload,
        },
        ConfigurationKey {
            key: "site.cloud.ca_file".to_owned(),
            section: "site.cloud".to_owned(),
            name: "ca_file".to_owned(),
            value: None,
            source: ConfigurationSource::Default,
            line: None,
            default: None,
            unset_means: Some("the system's roots".to_owned()),
            wants: "path".to_owned(),
            about: "Roots for tls = \"verify\", PEM.".to_owned(),
            takes: ConfigurationTakes::Reload,
        },
    ]
}
