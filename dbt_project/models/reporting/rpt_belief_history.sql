-- What was believed of a channel as of each week, beside the published week before; on which data, and why it changed.
with beliefs as (
    select * from {{ ref('rpt_channel_roi') }}
),

moves as (
    select * from {{ source('results', 'belief_moves') }}
),

origins as (
    select * from {{ source('results', 'provenance') }}
),

-- as the weekly report told it; not where another week was published in between since
changes as (
    select * from {{ source('results', 'belief_changes') }}
)

select
    beliefs.model,
    beliefs.as_of_week,
    beliefs.is_latest,
    beliefs.channel,
    beliefs.label,
    beliefs.roi,
    beliefs.roi_q05,
    beliefs.roi_q95,
    beliefs.mroi,
    beliefs.contribution_share,
    moves.recommended_share,
    moves.previous_week,
    moves.roi_before,
    moves.roi_before_q05,
    moves.roi_before_q95,
    beliefs.roi - moves.roi_before as roi_change,
    moves.roi_change_in_sd,
    moves.is_within_previous_interval,
    moves.contribution_share_change,
    moves.recommended_share_change,
    beliefs.posterior_version <> moves.previous_version as is_another_posterior,
    changes.what_changed,
    changes.data as roi_change_by_data,
    changes.evidence as roi_change_by_evidence,
    changes.specification as roi_change_by_specification,
    changes.software as roi_change_by_software,
    changes.chance as roi_change_by_chance,
    origins.table_version,
    origins.known_then,
    origins.known_by,
    origins.data_are,
    origins.exports_version,
    origins.spec_hash,
    origins.evidence_version,
    origins.lift_tests,
    beliefs.model_version,
    beliefs.posterior_version
from beliefs
left join moves
    on
        beliefs.model = moves.model
        and beliefs.as_of_week = moves.as_of_week
        and beliefs.channel = moves.channel
        and beliefs.posterior_version = moves.posterior_version
left join origins
    on
        beliefs.model = origins.model
        and beliefs.as_of_week = origins.as_of_week
        and beliefs.posterior_version = origins.posterior_version
left join changes
    on
        beliefs.model = changes.model
        and beliefs.as_of_week = changes.as_of_week
        and beliefs.channel = changes.channel
        and beliefs.posterior_version = changes.posterior_version
        and moves.previous_version = changes.previous_version
