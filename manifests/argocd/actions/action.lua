-- Ask for VERB. The operator acts once on each nonce, and not at all if there has been a rollout since the one named here;
-- Argo CD's own log says who clicked.
local status = obj.status or {}
local history = status.history or {}
local last = #history > 0 and history[#history].id or ""
local rollout = status.rollout ~= nil and status.rollout.id or last
local nonce = "argocd-VERB-" .. obj.metadata.resourceVersion
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["serinus.dev/action"] =
  '{"verb":"VERB","rolloutId":"' .. rollout .. '","nonce":"' .. nonce .. '","by":"argocd"}'
return obj
