//! The approvals of the project's configuration: what it accepts in migrations whose text must not change.

use super::Migrator;
use crate::backend::PgHistory;
use crate::connection::target::Target;
use crate::error::Error;
use crate::history::approval_table::{self, ConfiguredRule};
use migrate_core::Report;
use migrate_core::history::Notice;
use migrate_core::lint::ConfiguredApproval;

impl Migrator {
    /// The approvals, for lint.
    pub(crate) fn approvals(&self) -> Vec<ConfiguredApproval> {
        let approvals = self.settings.approvals.iter();
        let approval = |(migration, rule, reason): &(_, _, &str)| {
            ConfiguredApproval::new(*migration, *rule, Some((*reason).to_owned()))
        };
        approvals.map(approval).collect()
    }

    /// Records the approvals beside the history, after a run that did something. If
    /// that fails, a notice says so.
    pub(super) async fn record_approvals_after<T: Target + ?Sized>(
        &self,
        history: &PgHistory<'_, T>,
        mut report: Report,
    ) -> Report {
        let approvals = self.configured();
        if approvals.is_empty() || report.is_noop() || self.settings.keeps().is_some() {
            return report;
        }
        let recorded = async {
            let session_info = history.session_info().await?;
            let by = (self.set().name(), &*self.settings.program);
            let recorded = approval_table::record(history.session(), &session_info, by, &approvals).await;
            recorded.map_err(|source| Error::server("recording the approvals of the configuration", source))
        };
        if let Err(error) = recorded.await {
            let what = format!("everything is done, but the approvals could not be recorded: {error}");
            report.notices.push(Notice::Backend(what));
        }
        report
    }

    /// The approvals for migrations of the set.
    fn configured(&self) -> Vec<ConfiguredRule> {
        let approvals = self.settings.approvals.iter();
        let configured = approvals.filter_map(|(of, rule, reason)| {
            let version = self.set().named_as(of)?.version().canonical().into_owned();
            Some(ConfiguredRule { version, rule: (*rule).to_owned(), reason: (*reason).to_owned() })
        });
        configured.collect()
    }
}
