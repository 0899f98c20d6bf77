-- The health of a ModelDeployment in Argo CD's words. Argo CD runs this without Lua's string library.
local health_of = {
  Pending = "Progressing",
  Stable = "Healthy",
  Deploying = "Progressing",
  Progressing = "Progressing",
  Paused = "Suspended",
  AwaitingApproval = "Suspended",
  Promoting = "Progressing",
  RollingBack = "Progressing",
  RolledBack = "Degraded",
  Failed = "Degraded",
}

local status = obj.status
if status == nil or status.phase == nil then
  return {status = "Progressing", message = "waiting for the Serinus operator to see it; is the operator running?"}
end
if status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "waiting for the Serinus operator to see the latest spec"}
end
for _, condition in ipairs(status.conditions or {}) do
  local serves_nothing = condition.type == "Ready" and condition.status == "False" and status.phase ~= "Pending"
  if serves_nothing or condition.type == "Degraded" and condition.status == "True" then
    return {status = "Degraded", message = condition.message}
  end
end
return {status = health_of[status.phase] or "Unknown", message = status.message}
