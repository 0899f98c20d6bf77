-- Ask for VERB. The operator acts once on each nonce, and never on another rollout than the one named here; Argo CD's
-- own log says who clicked.
local rollout = obj.status ~= nil and obj.status.rollout ~= nil and obj.status.rollout.id or ""
local nonce = "argocd-VERB-" .. obj.metadata.resourceVersion
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["serinus.dev/action"] =
  '{"verb":"VERB","rolloutId":"' .. rollout .. '","nonce":"' .. nonce .. '","by":"argocd"}'
return obj
