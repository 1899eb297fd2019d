//! One connection to a directory service.

use std::time::Duration;

use config::LdapTls;
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, ResultEntry, Scope, SearchEntry};
use tokio::task::AbortHandle;

use super::{Query, SyncError, within};

/// What is read of each entry.
const ATTRIBUTES: [&str; 10] = [
    "objectGUID",
    "objectClass",
    "mail",
    "proxyAddresses",
    "targetAddress",
    "legacyExchangeDN",
    "msExchRecipientTypeDetails",
    "uSNChanged",
    "mailNickname",
    "distinguishedName",
];

/// Octets of a password file that are read.
const PASSWORD_MAX: u64 = 4096;

pub(super) struct Session<'a> {
    query: &'a Query,
    ldap: Ldap,
    driver: AbortHandle,
}

/// What the server says of itself.
#[derive(Debug, Default)]
pub(super) struct Root {
    /// The invocationId of a domain controller: another one after a restore.
    pub(super) server: String,
    pub(super) highest_usn: Option<u64>,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl<'a> Session<'a> {
    pub(super) async fn open(query: &'a Query) -> Result<Self, SyncError> {
        let source = &query.source;
        let limit = source.timeout;
        let starttls = source.tls == LdapTls::StartTls && !source.url.starts_with("ldaps://");
        let mut settings = LdapConnSettings::new().set_conn_timeout(limit).set_starttls(starttls);
        if let Some(tls) = &query.tls {
            settings = settings.set_config(tls.clone());
        }
        let connect = LdapConnAsync::with_settings(settings, &source.url);
        let (connection, ldap) = within(limit, &source.url, connect).await?;
        // It ends with the session, which aborts it.
        #[expect(clippy::disallowed_methods, reason = "aborted when the session is dropped")]
        let driver = tokio::spawn(async move {
            if let Err(why) = connection.drive().await {
                tracing::debug!(%why, "A connection to a directory ended.");
            }
        });
        let mut session = Self { query, ldap, driver: driver.abort_handle() };
        session.bind().await?;
        Ok(session)
    }

    async fn bind(&mut self) -> Result<(), SyncError> {
        let Some((dn, file)) = &self.query.source.bind else { return Ok(()) };
        let path = file.clone();
        let password = tokio::task::spawn_blocking(move || read_password(&path));
        let cannot = |why: String| SyncError(format!("{}: {why}", file.display()));
        let password = password.await.map_err(|it| cannot(it.to_string()))?;
        let password = password.map_err(|it| cannot(it.to_string()))?;
        if password.is_empty() {
            // An empty password binds as nobody, and seems to work. RFC 4513 §5.1.2.
            return Err(cannot("there is no password in it".to_owned()));
        }
        let limit = self.query.source.timeout;
        let bound = self.ldap.simple_bind(dn, &password);
        let result = within(limit, "bind", bound).await?;
        result.success().map(drop).map_err(|why| SyncError(format!("bind as {dn}: {why}")))
    }

    /// The rootDSE, as far as it can be read: not every server has what Active Directory has.
    pub(super) async fn root(&mut self) -> Result<Root, SyncError> {
        let asked = ["highestCommittedUSN", "dsServiceName"];
        let Some(entry) = self.one("", &asked).await? else { return Ok(Root::default()) };
        let first = |name: &str| entry.attrs.get(name).and_then(|it| it.first());
        let highest_usn = first("highestCommittedUSN").and_then(|it| it.parse().ok());
        let Some(service) = first("dsServiceName").cloned() else {
            return Ok(Root { server: String::new(), highest_usn });
        };
        let settings = self.one(&service, &["invocationId"]).await?;
        let id = settings.and_then(|it| it.bin_attrs.get("invocationId")?.first().cloned());
        let id = id.map(|it| super::entry::hex(&it)).unwrap_or_default();
        Ok(Root { server: format!("{service} {id}"), highest_usn })
    }

    async fn one(&mut self, base: &str, asked: &[&str]) -> Result<Option<SearchEntry>, SyncError> {
        let limit = self.query.source.timeout;
        let search = self.ldap.search(base, Scope::Base, "(objectClass=*)", asked);
        let result = within(limit, "rootDSE", search).await?;
        Ok(result.0.into_iter().next().map(SearchEntry::construct))
    }

    /// Shows every entry that matches to `take`, page by page.
    pub(super) async fn search(
        &mut self,
        filter: &str,
        take: &mut (dyn FnMut(SearchEntry) -> Result<(), SyncError> + Send),
    ) -> Result<(), SyncError> {
        let source = &self.query.source;
        let limit = source.timeout;
        let adapters: Vec<Box<dyn Adapter<'_, &str, Vec<&str>>>> = vec![
            Box::new(EntriesOnly::new()),
            Box::new(PagedResults::new(i32::from(source.page_size))),
        ];
        let base = source.base.as_str();
        let search = self.ldap.streaming_search_with(
            adapters,
            base,
            Scope::Subtree,
            filter,
            ATTRIBUTES.to_vec(),
        );
        let mut stream = within(limit, "search", search).await?;
        while let Some(entry) = within(limit, "search", stream.next()).await? {
            let entry: ResultEntry = entry;
            if !entry.is_ref() && !entry.is_intermediate() {
                take(SearchEntry::construct(entry))?;
            }
        }
        let done = tokio::time::timeout(limit, stream.finish()).await;
        let done = done.map_err(|_| SyncError("search: it does not end".to_owned()))?;
        done.success().map(drop).map_err(|why| SyncError(format!("search below {base}: {why}")))
    }

    pub(super) async fn close(mut self) {
        // Whoever does not hear it sees the connection close.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.ldap.unbind()).await;
    }
}

fn read_password(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(PASSWORD_MAX).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
